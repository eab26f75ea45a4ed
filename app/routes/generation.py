"""What the routes that generate share: the checkpoint asked for, caching, clients that leave."""

import asyncio
import hashlib
from collections.abc import Coroutine, Iterator
from typing import Annotated, Any, ClassVar, TypeVar

from anyio import to_thread
from fastapi import Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from app.domain.errors import InvalidRequest, LimitExceeded, MoggyError
from app.domain.pictures.checkpoint import ServedCheckpoint
from app.domain.pictures.encoders import ENCODER, MEDIA_TYPES
from app.domain.pictures.recipes import Recipe, recipe_text
from app.domain.settings import Settings
from app.serving.bodies import WHOLE, StrictBody
from app.serving.classes import to_samples
from app.serving.display import MAX_SCALE, Display, Resample
from models.samples import Point, Sample

T = TypeVar("T")

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


class ClientLeft(MoggyError):
    """Nobody reads this answer: the connection is closed."""

    status: ClassVar[int] = 499
    title: ClassVar[str] = "Client closed request"


def content(*formats: str) -> dict[int | str, dict[str, Any]]:
    """The 200 answer's media types, for the OpenAPI document."""
    return {200: {"content": {MEDIA_TYPES[one]: {} for one in formats}}}


def zip_response(checkpoint: ServedCheckpoint, pieces: Iterator[bytes]) -> StreamingResponse:
    """A download that is encoded while it is sent."""
    headers = {"Content-Disposition": f'attachment; filename="{checkpoint.model}.zip"'}
    return StreamingResponse(pieces, media_type=MEDIA_TYPES["zip"], headers=headers)


async def choose_classes(
    checkpoint: ServedCheckpoint, name: str | None, points: list[Point]
) -> list[Sample]:
    """The points with their classes. Drawing them needs torch: not in the event loop."""
    if name is None and checkpoint.classes:
        return await to_thread.run_sync(to_samples, checkpoint, name, points)
    return to_samples(checkpoint, name, points)


def cache_headers(recipe: Recipe, file_format: str, checkpoint_id: str | None) -> dict[str, str]:
    """ETag and Cache-Control. The bytes are a function of the recipe, the format and the encoder;
    a URL that names no checkpoint may mean another one tomorrow."""
    identity = f"{recipe_text(recipe)} {file_format} {ENCODER}"
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


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The work's result; the work is cancelled as soon as the client leaves."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_client_leaves(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        abandoned = not working.done()
        working.cancel()
    if abandoned:
        leaving.result()  # raises where the client is still there and its body is too large
        raise ClientLeft("the client left before its images were made")
    return working.result()


async def _client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class DisplayFields(StrictBody):
    """What every request for files may say of how they are shown."""

    scale: Annotated[int, Field(strict=True, ge=1, le=MAX_SCALE), WHOLE] = 1
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
