"""What the routes that generate share: the checkpoint asked for, caching, how it is shown."""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from app.domain.errors import InvalidRequest, LimitExceeded
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.images.encoders import ENCODER, MEDIA_TYPES
from app.domain.images.recipes import Recipe, checkpoint_recipe, image_recipe, recipe_text
from app.domain.settings import Settings
from app.routes.deadlines import while_connected
from app.routes.document import binary_content
from app.serving.display import MAX_SCALE, Display, Resample
from app.serving.image_bundles import new_bundle, stream_bundle
from app.serving.latents import to_samples
from app.serving.request_bodies import FLOAT_AS_INT, StrictBody
from app.serving.video import VIDEO_ENCODER
from models.samples import Pixels, Point, Sample

CheckpointId = Annotated[str, Field(min_length=1, max_length=64)]
CheckpointParameter = Annotated[
    CheckpointId | None, Query(description="Its id; by default the one that the model serves.")
]

ClassParameter = Annotated[
    str | None,
    Query(alias="class", description="Of a conditional model; by default drawn from the seed."),
]

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified"}}
FOR_EVER = "max-age=31536000, immutable"


def content(*formats: str, json: type[BaseModel] | None = None) -> dict[int | str, dict[str, Any]]:
    """The 200 answer's media types, for the OpenAPI document; `json` is what the JSON holds."""
    described: dict[str, Any] = {"content": binary_content(*(MEDIA_TYPES[one] for one in formats))}
    return {200: described | ({"model": json} if json else {})}


async def bundle_response(
    request: Request,
    slices: AsyncGenerator[Pixels],
    checkpoint: ServedCheckpoint,
    samples: list[Sample],
    file_format: str,
    display: Display,
) -> StreamingResponse:
    """A zip or multipart of PNGs that is made while it is sent, however many there are.

    The first slice is made before: a request that is refused is answered so.
    """
    first = await while_connected(request, _first(slices))

    async def all_slices() -> AsyncGenerator[Pixels]:
        async with aclosing(slices):
            yield first
            async for pixels in slices:
                yield pixels

    identity = recipe_text(checkpoint_recipe(checkpoint) | {"images": len(samples)})
    bundle = new_bundle(file_format, identity)
    recipes = (image_recipe(checkpoint, sample) for sample in samples)
    pieces = stream_bundle(all_slices(), recipes, len(samples), bundle, display)
    headers = {}
    if file_format == "zip":
        headers["Content-Disposition"] = f'attachment; filename="{checkpoint.model}.zip"'
    return StreamingResponse(pieces, media_type=bundle.media_type, headers=headers)


async def _first(slices: AsyncGenerator[Pixels]) -> Pixels:
    return await anext(slices)


async def choose_classes(
    checkpoint: ServedCheckpoint, name: str | None, points: list[Point]
) -> list[Sample]:
    """The points with their classes. Drawing them needs torch: not in the event loop."""
    if name is None and checkpoint.classes:
        return await to_thread.run_sync(to_samples, checkpoint, name, points)
    return to_samples(checkpoint, name, points)


def cache_headers(recipe: str, file_format: str, checkpoint_id: str | None) -> dict[str, str]:
    """ETag and Cache-Control, by the recipe's text. The bytes are a function of it, the format and
    the encoder; a URL that names no checkpoint may mean another one tomorrow."""
    encoder = f"{ENCODER}+{VIDEO_ENCODER}" if file_format == "mp4" else ENCODER
    identity = f"{recipe} {file_format} {encoder}"
    return {
        "ETag": f'"{hashlib.sha256(identity.encode()).hexdigest()[:32]}"',
        "Cache-Control": "no-cache" if checkpoint_id is None else FOR_EVER,
    }


def image_headers(recipe: Recipe, image_format: str) -> dict[str, str]:
    """The image of a seed is shown where it is, and saved under a name that tells what it is."""
    file = f"{recipe['model']}-{recipe['seed']}.{image_format}"
    return {"Content-Disposition": f'inline; filename="{file}"'}


def is_known(request: Request, headers: dict[str, str]) -> bool:
    """Whether the client has these very bytes already: `If-None-Match`."""
    return is_known_by(request.headers.get("if-none-match"), headers)


def is_known_by(given: str | None, headers: dict[str, str]) -> bool:
    """Whether one of the tags `given` is the ETag of `headers`."""
    if given is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in given.split(",")]
    return headers["ETag"] in tags or "*" in tags


class DisplayFields(StrictBody):
    """What every request for files may say of how they are shown."""

    scale: Annotated[int, Field(strict=True, ge=1, le=MAX_SCALE), FLOAT_AS_INT] = 1
    resample: Resample = "lanczos"

    @property
    def display(self) -> Display:
        return Display(self.scale, self.resample)


async def _display(
    scale: Annotated[int, Query(ge=1, le=MAX_SCALE, description="Times larger, for display.")] = 1,
    resample: Annotated[Resample, Query(description="Smoothly, or in squares.")] = "lanczos",
) -> Display:
    return Display(scale, resample)


DisplayDep = Annotated[Display, Depends(_display)]


def refuse_scaled_json(file_format: str, display: Display) -> None:
    if file_format == "json" and display.scale != 1:
        raise InvalidRequest(
            f"scale {display.scale} is for pictures, and json holds none: leave scale out",
            field="scale",
        )


def check_pixels(
    images: int, checkpoint: ServedCheckpoint, settings: Settings, field: str, scale: int = 1
) -> None:
    """Refuse an answer of more pixels than the limit."""
    height, width = (scale * side for side in checkpoint.shape[:2])
    pixels = images * height * width
    if pixels > settings.max_response_pixels:
        raise LimitExceeded(
            f"{images} images of {width}×{height} are {pixels} pixels; "
            f"one answer may have {settings.max_response_pixels} (MOGGY_MAX_RESPONSE_PIXELS)",
            field=field,
        )
