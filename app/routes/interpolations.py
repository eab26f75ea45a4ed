"""Interpolations: the way from one image to another, as an animation or as its frames."""

from typing import Annotated, Literal, get_args

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from app.domain.errors import InvalidRequest, LimitExceeded, QueueFull, RangeNotSatisfiable
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.images.encoders import MEDIA_TYPES
from app.domain.images.recipes import Recipe, interpolation_recipe, numbers, recipe_text
from app.domain.settings import Settings
from app.routes.body_limit import LargeBodyRoute
from app.routes.byte_ranges import part_asked_for, part_response
from app.routes.deadlines import allow_deadline, while_connected
from app.routes.dependencies import (
    DatabaseDep,
    EngineDep,
    SettingsDep,
    refuse_unknown_parameters,
)
from app.routes.document import problems
from app.routes.generation import (
    NOT_MODIFIED,
    CheckpointId,
    CheckpointParameter,
    ClassParameter,
    DisplayDep,
    DisplayFields,
    bundle_response,
    cache_headers,
    check_pixels,
    choose_classes,
    content,
    is_known,
    refuse_scaled_json,
)
from app.serving.animations import GIF_MAX_FPS, MAX_FPS, encode_animation
from app.serving.display import encode_sprites, square
from app.serving.latents import Easing, Keyframes, Latent, Method, to_point
from app.serving.morph_latents import frame_latents
from app.serving.request_bodies import FLOAT_AS_INT
from models.config import MAX_SEED
from models.samples import Point, Sample, Vector

router = APIRouter(
    prefix="/models",
    tags=["images"],
    route_class=LargeBodyRoute,
    dependencies=[Depends(refuse_unknown_parameters), Depends(allow_deadline)],
)

UrlFormat = Literal["webp", "gif", "mp4", "png"]  # of a morph by its URL
URL_FORMATS: tuple[UrlFormat, ...] = get_args(UrlFormat)
DEFAULT_FRAMES, DEFAULT_FPS = 60, 20.0


class InterpolationRequest(DisplayFields):
    """`frames` counts all, both ends included. With `loop` the way leads back to the first
    keyframe. An animated webp, gif or apng plays for ever; with `repeat` false it plays once.

    `easing`: at one speed along the way; `smooth` slows down at each keyframe; with `even` the
    picture changes as much at every step. All frames are of one class: of `class`, or of the one
    that the first keyframe's seed draws.
    """

    keyframes: Keyframes
    frames: Annotated[int, Field(strict=True, ge=2), FLOAT_AS_INT] = DEFAULT_FRAMES
    method: Method = "slerp"
    easing: Easing = "linear"
    loop: Annotated[bool, Field(strict=True)] = False
    repeat: Annotated[bool, Field(strict=True)] = True
    fps: Annotated[float, Field(strict=True, ge=1, le=MAX_FPS)] = DEFAULT_FPS
    class_name: Annotated[str | None, Field(alias="class")] = None
    format: Literal[
        "webp", "gif", "apng", "mp4", "strip", "sprites", "zip", "multipart", "json"
    ] = "webp"  # fmt: skip
    checkpoint: CheckpointId | None = None


class Keyframe(BaseModel):
    """What a keyframe is: the latent of a seed, or a latent itself."""

    seed: int | None = None
    latent: list[float] | None = None


class InterpolationAnswer(BaseModel):
    """The recipe of a morph, and the latents of its frames."""

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
    latents: list[list[float]]


@router.post(
    "/{name}/interpolations",
    response_class=Response,
    responses=content(
        "webp", "gif", "apng", "mp4", "png", "zip", "multipart", json=InterpolationAnswer
    )
    | problems(QueueFull),
)
async def generate_interpolation(
    name: str,
    asked: InterpolationRequest,
    request: Request,
    settings: SettingsDep,
    database: DatabaseDep,
    engine: EngineDep,
) -> Response:
    """The morph through the keyframes: an animation, a strip (PNG), a sprite sheet with its map, a
    zip or multipart of PNGs, or as `json` the latents of its frames. An animation has all its
    frames, also those that are equal.
    """
    _check_frames(asked, settings)
    refuse_scaled_json(asked.format, asked.display)
    checkpoint = await engine.checkpoints.find(database, name, asked.checkpoint)
    check_pixels(asked.frames, checkpoint, settings, "frames", asked.scale)
    points = await to_thread.run_sync(_keyframes, asked, checkpoint)
    label = (await choose_classes(checkpoint, asked.class_name, points[:1]))[0].label
    recipe = await to_thread.run_sync(_recipe, asked, checkpoint, points, label)
    return await _render(asked, checkpoint, points, label, recipe, request, engine)


@router.get(
    "/{name}/interpolations/{first}-{last}.{format}",
    response_class=Response,
    responses=content(*URL_FORMATS)
    | part_response(*(MEDIA_TYPES[one] for one in URL_FORMATS))
    | NOT_MODIFIED
    | problems(QueueFull, RangeNotSatisfiable),
)
async def get_interpolation(
    name: str,
    first: Annotated[int, Path(ge=0, le=MAX_SEED)],
    last: Annotated[int, Path(ge=0, le=MAX_SEED)],
    file_format: Annotated[UrlFormat, Path(alias="format")],
    request: Request,
    settings: SettingsDep,
    database: DatabaseDep,
    engine: EngineDep,
    display: DisplayDep,
    frames: Annotated[int, Query(ge=2)] = DEFAULT_FRAMES,
    method: Method = "slerp",
    easing: Easing = "linear",
    loop: bool = False,
    repeat: bool = True,
    fps: Annotated[float, Query(ge=1, le=MAX_FPS, allow_inf_nan=False)] = DEFAULT_FPS,
    checkpoint: CheckpointParameter = None,
    class_name: ClassParameter = None,
) -> Response:
    """The morph from one seed's image to another's; `.png` is a strip of all frames. `Range` asks
    for a part of the file, as players of videos do."""
    asked = InterpolationRequest(
        **{"class": class_name},
        keyframes=[Latent(seed=first), Latent(seed=last)],
        frames=frames,
        method=method,
        easing=easing,
        loop=loop,
        repeat=repeat,
        fps=fps,
        format="strip" if file_format == "png" else file_format,
        scale=display.scale,
        resample=display.resample,
        checkpoint=checkpoint,
    )
    _check_frames(asked, settings)
    found = await engine.checkpoints.find(database, name, checkpoint)
    label = (await choose_classes(found, class_name, [first]))[0].label
    recipe = _recipe(asked, found, [first, last], label)
    headers = cache_headers(recipe_text(recipe), asked.format, checkpoint)
    if is_known(request, headers):
        return Response(status_code=304, headers=headers)
    check_pixels(frames, found, settings, "frames", asked.scale)
    response = await _render(asked, found, [first, last], label, recipe, request, engine)
    response.headers.update(headers)
    return part_asked_for(request, response)


async def _render(
    asked: InterpolationRequest,
    checkpoint: ServedCheckpoint,
    keyframes: list[Point],
    label: int | None,
    recipe: Recipe,
    request: Request,
    engine: EngineDep,
) -> Response:
    walking = frame_latents(
        engine,
        checkpoint,
        keyframes,
        label,
        frames=asked.frames,
        method=asked.method,
        easing=asked.easing,
        loop=asked.loop,
    )
    latents = await while_connected(request, walking)
    if asked.format == "json":
        return await to_thread.run_sync(_list_latents, recipe, latents)
    samples = [Sample(latent, label) for latent in latents]
    if asked.format in ("zip", "multipart"):
        slices = engine.slices(checkpoint, samples)
        return await bundle_response(
            request, slices, checkpoint, samples, asked.format, asked.display
        )
    pixels = await while_connected(request, engine.generate(checkpoint, samples))

    def encode() -> bytes:
        frames = asked.display.enlarge(pixels)
        if asked.format == "sprites":
            columns = square(len(frames))
            return encode_sprites(frames, samples, columns, recipe, asked.fps)
        return encode_animation(frames, asked.format, recipe, fps=asked.fps, repeat=asked.repeat)

    kind = {"strip": "png", "sprites": "zip"}.get(asked.format, asked.format)
    return Response(await to_thread.run_sync(encode), media_type=MEDIA_TYPES[kind])


def _list_latents(recipe: Recipe, latents: list[Vector]) -> Response:
    return JSONResponse(recipe | {"latents": [numbers(latent) for latent in latents]})


def _check_frames(asked: InterpolationRequest, settings: Settings) -> None:
    """Refuse what is wrong whatever the model."""
    if asked.frames > settings.max_frames:
        raise LimitExceeded(
            f"frames {asked.frames} is beyond the limit of {settings.max_frames} "
            "(MOGGY_MAX_FRAMES)",
            field="frames",
        )
    if asked.frames < len(asked.keyframes):
        raise InvalidRequest(
            f"frames {asked.frames} is less than the {len(asked.keyframes)} keyframes",
            field="frames",
        )
    if asked.format == "gif" and asked.fps > GIF_MAX_FPS:
        raise InvalidRequest(
            f"fps {asked.fps:g} is beyond what a gif can show, whose times are hundredths of a "
            f"second: ask for at most {GIF_MAX_FPS}, or for webp, apng or mp4",
            field="fps",
        )


def _keyframes(asked: InterpolationRequest, checkpoint: ServedCheckpoint) -> list[Point]:
    return [
        to_point(keyframe, checkpoint.latent_dim, f"keyframes.{number}")
        for number, keyframe in enumerate(asked.keyframes)
    ]


def _recipe(
    asked: InterpolationRequest,
    checkpoint: ServedCheckpoint,
    keyframes: list[Point],
    label: int | None,
) -> Recipe:
    return (
        interpolation_recipe(
            checkpoint,
            keyframes,
            label,
            frames=asked.frames,
            method=asked.method,
            easing=asked.easing,
            loop=asked.loop,
            repeat=asked.repeat,
            fps=asked.fps,
        )
        | asked.display.recipe()
    )
