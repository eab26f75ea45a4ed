"""The body of a request for an interpolation, and its answer as JSON."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from app.routes.fields import CheckpointId
from app.routes.generation import ImageFields
from app.serving.animations import MAX_FPS
from app.serving.latents import Easing, Keyframes, Method, Truncation
from app.serving.rejection import MinQuality
from app.serving.request_bodies import FLOAT_AS_INT

DEFAULT_FRAMES, DEFAULT_FPS = 60, 20.0


class InterpolationRequest(ImageFields):
    """`frames` counts all frames, both ends included. `loop`: the morph returns to its first
    keyframe. An animated webp, gif or apng plays for ever, or once where `repeat` is false.

    `method`: `slerp` follows the great circle from each keyframe to the next, `lerp` the straight
    line, and `spline` a smooth path through all keyframes, without a turn at any of them.

    `easing`: `linear` moves at constant speed; `smooth` slows down at each keyframe; `even` spaces
    the frames so that the image changes by the same amount from each to the next. All frames have
    one class: `class`, or else the one that the first keyframe's seed draws.

    `detour`: where an image between two keyframes has a quality below this, 0 to 95, the path
    between them is bent towards better images, if that helps. 0 bends nothing.
    """

    keyframes: Keyframes
    frames: Annotated[int, Field(strict=True, ge=2), FLOAT_AS_INT] = DEFAULT_FRAMES
    method: Method = "slerp"
    easing: Easing = "linear"
    loop: Annotated[bool, Field(strict=True)] = False
    repeat: Annotated[bool, Field(strict=True)] = True
    fps: Annotated[float, Field(strict=True, ge=1, le=MAX_FPS)] = DEFAULT_FPS
    detour: MinQuality = 0.0
    class_name: Annotated[str | None, Field(alias="class")] = None
    format: Literal[
        "webp", "gif", "apng", "mp4", "strip", "sprites", "zip", "multipart", "json"
    ] = "webp"  # fmt: skip
    checkpoint: CheckpointId | None = None


class Keyframe(BaseModel):
    """A keyframe: the seed of a latent, or the latent itself and its `source`, as requested."""

    seed: int | None = None
    latent: list[float] | None = None
    source: dict[str, Any] | None = None


class Evenness(BaseModel):
    """The largest change of the image from one frame to the next, divided by the mean change, for
    the easing `even` and for constant speed on the same path (`plain`). 1 is perfectly even."""

    even: float
    plain: float


class PathBend(BaseModel):
    """A displacement of the path by `offset` at `position`, 0 to 1, of a segment, which decreases
    towards both keyframes."""

    segment: int
    position: float
    offset: list[float]


class LowestQuality(BaseModel):
    """The lowest quality of the images between the keyframes: on the path as it is (`bent`), and
    without its bends (`direct`)."""

    bent: float
    direct: float


class InterpolationAnswer(BaseModel):
    """The recipe of a morph, and the latents of its frames.

    `truncation` is left out where it is 1. The latents of the frames are truncated already, those
    of the keyframes are not. `evenness` belongs to the easing `even`. `lowest_quality` belongs to
    a `detour`, and so do `bends`, which are left out where the path has none.
    """

    model: str
    checkpoint: str
    sha256: str
    images_seen: int
    backend: str
    class_name: Annotated[str | None, Field(alias="class")]
    keyframes: list[Keyframe]
    frames: int
    method: Method
    easing: Easing
    loop: bool
    repeat: bool
    fps: float
    truncation: Truncation = 1.0
    detour: float = 0.0
    bends: list[PathBend] | None = None
    evenness: Evenness | None = None
    lowest_quality: LowestQuality | None = None
    latents: list[list[float]]
