"""Interpolations, called morphs: one image turns into the next, as an animation or its frames."""

import functools
from typing import Annotated, Any, Literal, get_args

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from app.domain.errors import InvalidRequest, LimitExceeded, QueueFull, RangeNotSatisfiable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import MEDIA_TYPES
from app.domain.images.recipes import Recipe, interpolation_recipe, recipe_text, shortest_decimals
from app.domain.settings import Settings
from app.routes.fields import CheckpointId
from app.routes.generation import (
    GENERATION_DEPENDENCIES,
    GenerationContext,
    GenerationDep,
    ImageFields,
    ImageOptionsDep,
    bundle_response,
    check_pixels,
    refuse_scaled_json,
)
from app.routes.latent_urls import parse_keyframes
from app.routes.middleware.body_limit import LargeBodyRoute
from app.routes.openapi import NOT_MODIFIED, file_response, partial_response, problems
from app.routes.protocol.byte_ranges import select_range
from app.routes.protocol.caching import cache_headers, is_not_modified
from app.routes.protocol.deadlines import while_connected
from app.serving.animations import GIF_MAX_FPS, MAX_FPS, encode_animation
from app.serving.display import encode_sprites, square_columns
from app.serving.latent_library import References
from app.serving.latents import MAX_KEYFRAMES, Easing, Keyframes, Method, Truncation, references
from app.serving.morph_latents import evenness, frame_latents
from app.serving.request_bodies import FLOAT_AS_INT
from app.serving.samples import to_keyframes
from models.samples import Sample, Vector

router = APIRouter(
    prefix="/models",
    tags=["images"],
    route_class=LargeBodyRoute,
    dependencies=GENERATION_DEPENDENCIES,
)

UrlFormat = Literal["webp", "gif", "mp4", "png"]  # of a morph by its URL
URL_FORMATS: tuple[UrlFormat, ...] = get_args(UrlFormat)
DEFAULT_FRAMES, DEFAULT_FPS = 60, 20.0
KeyframesInPath = Annotated[
    str,
    Path(
        max_length=MAX_KEYFRAMES * 66,
        description="Seeds and names of latents with .. between them, such as 7..white..42, or two "
        "seeds with -, such as 7-42.",
    ),
]


class InterpolationRequest(ImageFields):
    """`frames` counts all frames, both ends included. `loop`: the morph returns to its first
    keyframe. An animated webp, gif or apng plays for ever, or once where `repeat` is false.

    `method`: `slerp` follows the great circle from each keyframe to the next, `lerp` the straight
    line, and `spline` a smooth path through all keyframes, without a turn at any of them.

    `easing`: `linear` moves at constant speed; `smooth` slows down at each keyframe; `even` spaces
    the frames so that the image changes by the same amount from each to the next. All frames have
    one class: `class`, or else the one that the first keyframe's seed draws.
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
    """A keyframe: the seed of a latent, or the latent itself and its `source`, as requested."""

    seed: int | None = None
    latent: list[float] | None = None
    source: dict[str, Any] | None = None


class Evenness(BaseModel):
    """The largest change of the image from one frame to the next, divided by the mean change, for
    the easing `even` and for constant speed on the same path (`plain`). 1 is perfectly even."""

    even: float
    plain: float


class InterpolationAnswer(BaseModel):
    """The recipe of a morph, and the latents of its frames.

    `truncation` is left out where it is 1. The latents of the frames are truncated already, those
    of the keyframes are not. `evenness` belongs to the easing `even`.
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
    evenness: Evenness | None = None
    latents: list[list[float]]


@router.post(
    "/{name}/interpolations",
    response_class=Response,
    responses=file_response(
        "webp", "gif", "apng", "mp4", "png", "zip", "multipart", json=InterpolationAnswer
    )
    | problems(QueueFull),
)
async def generate_interpolation(
    name: str, body: InterpolationRequest, context: GenerationDep
) -> Response:
    """The morph through the keyframes: an animation, a strip of all frames (PNG), a sprite sheet
    with its map, a zip or multipart of PNGs, or as `json` the latents of the frames. An animation
    stores every frame, equal ones too."""
    _check_frames(body, context.settings)
    refuse_scaled_json(body.format, body.display)
    checkpoint = await context.find(name, body.checkpoint)
    check_pixels(body.frames, checkpoint, context.settings, "frames", body.scale)
    keyframes = await _keyframes(body, checkpoint, context)
    recipe = await to_thread.run_sync(_recipe, body, checkpoint, keyframes)
    return await _render(body, checkpoint, keyframes, recipe, context)


@router.get(
    "/{name}/interpolations/{keyframes}.{format}",
    response_class=Response,
    responses=file_response(*URL_FORMATS)
    | partial_response(*(MEDIA_TYPES[file_format] for file_format in URL_FORMATS))
    | NOT_MODIFIED
    | problems(QueueFull, RangeNotSatisfiable),
)
async def get_interpolation(
    name: str,
    keyframes: KeyframesInPath,
    file_format: Annotated[UrlFormat, Path(alias="format")],
    context: GenerationDep,
    options: ImageOptionsDep,
    frames: Annotated[int, Query(ge=2)] = DEFAULT_FRAMES,
    method: Method = "slerp",
    easing: Easing = "linear",
    loop: bool = False,
    repeat: bool = True,
    fps: Annotated[float, Query(ge=1, le=MAX_FPS, allow_inf_nan=False)] = DEFAULT_FPS,
) -> Response:
    """The morph through 2 to 64 seeds or saved latents: `7-42`, `white..tabby`, `7..white..42`.
    `.png` is a strip of all frames. `Range` selects a part of the file, as video players do."""
    morph = InterpolationRequest(
        **{"class": options.class_name},
        keyframes=parse_keyframes(keyframes, options.edits),
        frames=frames,
        method=method,
        easing=easing,
        loop=loop,
        repeat=repeat,
        fps=fps,
        format="strip" if file_format == "png" else file_format,
        truncation=options.truncation,
        scale=options.display.scale,
        resample=options.display.resample,
        checkpoint=options.checkpoint,
    )
    _check_frames(morph, context.settings)
    checkpoint = await context.find(name, options.checkpoint)
    samples = await _keyframes(morph, checkpoint, context)
    recipe = _recipe(morph, checkpoint, samples)
    # What a name or a direction stands for may change later.
    pinned = None if _references(morph) else options.checkpoint
    headers = cache_headers(recipe_text(recipe), morph.format, pinned)
    if is_not_modified(context.request, headers):
        return Response(status_code=304, headers=headers)
    check_pixels(frames, checkpoint, context.settings, "frames", morph.scale)
    response = await _render(morph, checkpoint, samples, recipe, context)
    response.headers.update(headers)
    return select_range(context.request, response)


async def _render(
    morph: InterpolationRequest,
    checkpoint: GeneratorCheckpoint,
    keyframes: list[Sample],
    recipe: Recipe,
    context: GenerationContext,
) -> Response:
    label = keyframes[0].label
    compute_latents = functools.partial(
        frame_latents,
        context.engine,
        checkpoint,
        [keyframe.point for keyframe in keyframes],
        label,
        frames=morph.frames,
        method=morph.method,
        loop=morph.loop,
        truncation=morph.truncation,
    )
    latents = await while_connected(context.request, compute_latents(easing=morph.easing))
    if morph.format == "json":
        if morph.easing == "even":
            plain = await while_connected(context.request, compute_latents(easing="linear"))
            paths = {"even": latents, "plain": plain}
            measuring = _evenness(morph, checkpoint, label, paths, context)
            recipe = recipe | {"evenness": await while_connected(context.request, measuring)}
        return await to_thread.run_sync(_list_latents, recipe, latents)
    samples = [Sample(latent, label) for latent in latents]
    if morph.format in ("zip", "multipart"):
        slices = context.engine.slices(checkpoint, samples)
        return await bundle_response(
            context.request, slices, checkpoint, samples, morph.format, morph.display
        )
    pixels = await context.render(checkpoint, samples)

    def encode() -> bytes:
        frames = morph.display.enlarge(pixels)
        if morph.format == "sprites":
            columns = square_columns(len(frames))
            return encode_sprites(frames, samples, columns, recipe, morph.fps)
        return encode_animation(frames, morph.format, recipe, fps=morph.fps, repeat=morph.repeat)

    file_format = {"strip": "png", "sprites": "zip"}.get(morph.format, morph.format)
    return Response(await to_thread.run_sync(encode), media_type=MEDIA_TYPES[file_format])


async def _evenness(
    morph: InterpolationRequest,
    checkpoint: GeneratorCheckpoint,
    label: int | None,
    paths: dict[str, list[Vector]],
    context: GenerationContext,
) -> dict[str, float]:
    return {
        name: round(await evenness(context.engine, checkpoint, latents, label, morph.loop), 3)
        for name, latents in paths.items()
    }


def _list_latents(recipe: Recipe, latents: list[Vector]) -> Response:
    return JSONResponse(recipe | {"latents": [shortest_decimals(latent) for latent in latents]})


def _check_frames(morph: InterpolationRequest, settings: Settings) -> None:
    """Raise for a number or a rate of frames that is invalid for every model."""
    if morph.frames > settings.max_frames:
        raise LimitExceeded(
            f"frames {morph.frames} is beyond the limit of {settings.max_frames} "
            "(MOGGY_MAX_FRAMES)",
            field="frames",
        )
    if morph.frames < len(morph.keyframes):
        raise InvalidRequest(
            f"frames {morph.frames} is less than the {len(morph.keyframes)} keyframes",
            field="frames",
        )
    if morph.format == "gif" and morph.fps > GIF_MAX_FPS:
        raise InvalidRequest(
            f"fps {morph.fps:g} is more than a gif can show, whose frames last whole hundredths of "
            f"a second: give at most {GIF_MAX_FPS}, or use webp, apng or mp4",
            field="fps",
        )


async def _keyframes(
    morph: InterpolationRequest, checkpoint: GeneratorCheckpoint, context: GenerationContext
) -> list[Sample]:
    library = await context.library(checkpoint.model, _references(morph))
    return await to_thread.run_sync(
        to_keyframes, checkpoint, morph.keyframes, morph.class_name, library
    )


def _references(morph: InterpolationRequest) -> References:
    return references(
        {f"keyframes.{index}": latent for index, latent in enumerate(morph.keyframes)}
    )


def _recipe(
    morph: InterpolationRequest,
    checkpoint: GeneratorCheckpoint,
    keyframes: list[Sample],
) -> Recipe:
    return (
        interpolation_recipe(
            checkpoint,
            keyframes,
            keyframes[0].label,
            frames=morph.frames,
            method=morph.method,
            easing=morph.easing,
            loop=morph.loop,
            repeat=morph.repeat,
            fps=morph.fps,
            truncation=morph.truncation,
        )
        | morph.display.recipe()
    )
