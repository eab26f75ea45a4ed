"""Interpolations, called morphs: one image turns into the next, as an animation or its frames."""

import functools
from typing import Annotated, Literal, get_args

from anyio import to_thread
from fastapi import Path, Query, Response
from fastapi.responses import JSONResponse

from app.domain.errors import (
    Conflict,
    InvalidRequest,
    LimitExceeded,
    QueueFull,
    RangeNotSatisfiable,
)
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import MEDIA_TYPES
from app.domain.images.recipes import Recipe, interpolation_recipe, recipe_text, shortest_decimals
from app.domain.images.replacement_seeds import MAX_MIN_QUALITY
from app.domain.settings import Settings
from app.routes.generation import (
    GENERATION_DEPENDENCIES,
    GenerationContext,
    GenerationDep,
    ImageOptionsDep,
    bundle_response,
    check_pixels,
    refuse_scaled_json,
)
from app.routes.interpolation_bodies import (
    DEFAULT_FPS,
    DEFAULT_FRAMES,
    InterpolationAnswer,
    InterpolationRequest,
)
from app.routes.latent_urls import parse_keyframes
from app.routes.middleware.body_limit import LargeBodyRoute
from app.routes.openapi import NOT_MODIFIED, file_response, new_router, partial_response, problems
from app.routes.protocol.byte_ranges import select_range
from app.routes.protocol.caching import cache_headers, is_not_modified
from app.routes.protocol.deadlines import while_connected
from app.serving.animations import GIF_MAX_FPS, MAX_FPS, encode_animation
from app.serving.detours import bends_recipe, find_detour
from app.serving.display import encode_sprites, square_columns
from app.serving.latent_library import References
from app.serving.latents import MAX_KEYFRAMES, Easing, Method, references
from app.serving.morph_latents import evenness, frame_latents, keyframe_vectors
from app.serving.rejection import require_quality
from app.serving.sample_indexes import OpenIndex
from app.serving.samples import to_keyframes
from models.latents import LatentPath
from models.samples import Sample, Vector

router = new_router(
    prefix="/v1/models",
    tags=["images"],
    route_class=LargeBodyRoute,
    dependencies=GENERATION_DEPENDENCIES,
)

UrlFormat = Literal["webp", "gif", "mp4", "png"]  # of a morph by its URL
URL_FORMATS: tuple[UrlFormat, ...] = get_args(UrlFormat)
KeyframesInPath = Annotated[
    str,
    Path(
        max_length=MAX_KEYFRAMES * 66,
        description="Seeds and names of latents with .. between them, such as 7..white..42, or two "
        "seeds with -, such as 7-42.",
    ),
]


@router.post(
    "/{name}/interpolations",
    response_class=Response,
    responses=file_response(
        "webp", "gif", "apng", "mp4", "png", "zip", "multipart", json=InterpolationAnswer
    )
    | problems(Conflict, QueueFull),
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
    index = await _detour_index(body, checkpoint, context)
    recipe = await to_thread.run_sync(_recipe, body, checkpoint, keyframes)
    return await _render(body, checkpoint, keyframes, recipe, index, context)


@router.get(
    "/{name}/interpolations/{keyframes}.{format}",
    response_class=Response,
    responses=file_response(*URL_FORMATS)
    | partial_response(*(MEDIA_TYPES[file_format] for file_format in URL_FORMATS))
    | NOT_MODIFIED
    | problems(Conflict, QueueFull, RangeNotSatisfiable),
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
    detour: Annotated[float, Query(ge=0, le=MAX_MIN_QUALITY, allow_inf_nan=False)] = 0.0,
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
        detour=detour,
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
    index = await _detour_index(morph, checkpoint, context)
    # What a name or a direction stands for may change later, and so may the index.
    pinned = None if _references(morph) or index else options.checkpoint
    identity = recipe | ({"index": index.sha256} if index else {})
    headers = cache_headers(recipe_text(identity), morph.format, pinned)
    if is_not_modified(context.request, headers):
        return Response(status_code=304, headers=headers)
    check_pixels(frames, checkpoint, context.settings, "frames", morph.scale)
    response = await _render(morph, checkpoint, samples, recipe, index, context)
    response.headers.update(headers)
    return select_range(context.request, response)


async def _render(
    morph: InterpolationRequest,
    checkpoint: GeneratorCheckpoint,
    keyframes: list[Sample],
    recipe: Recipe,
    index: OpenIndex | None,
    context: GenerationContext,
) -> Response:
    """Generate the frames. `index` is None for a morph without a detour."""
    label = keyframes[0].label
    points = [keyframe.point for keyframe in keyframes]
    detour = None
    if index is not None:
        vectors = keyframe_vectors(checkpoint, points, morph.truncation)
        path = LatentPath(vectors, morph.method, morph.loop)
        finding = find_detour(context.engine, checkpoint, path, label, index.index, morph.detour)
        detour = await while_connected(context.request, finding)
        recipe = recipe | bends_recipe(detour.bends)
    compute_latents = functools.partial(
        frame_latents,
        context.engine,
        checkpoint,
        points,
        label,
        frames=morph.frames,
        method=morph.method,
        loop=morph.loop,
        truncation=morph.truncation,
        bends=detour.bends if detour else (),
    )
    latents = await while_connected(context.request, compute_latents(easing=morph.easing))
    if morph.format == "json":
        if morph.easing == "even":
            plain = await while_connected(context.request, compute_latents(easing="linear"))
            paths = {"even": latents, "plain": plain}
            measuring = _evenness(morph, checkpoint, label, paths, context)
            recipe = recipe | {"evenness": await while_connected(context.request, measuring)}
        if detour is not None:
            lowest = {"bent": round(detour.bent, 2), "direct": round(detour.direct, 2)}
            recipe = recipe | {"lowest_quality": lowest}
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


async def _detour_index(
    morph: InterpolationRequest, checkpoint: GeneratorCheckpoint, context: GenerationContext
) -> OpenIndex | None:
    """The index that a detour needs; None without one. Raises IndexMissing, Conflict."""
    if not morph.detour:
        return None
    opened = await context.sample_index(checkpoint)
    require_quality(opened.index, "detour")
    return opened


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
        | ({"detour": morph.detour} if morph.detour else {})
        | morph.display.recipe()
    )
