"""Directions of a model over HTTP: found, listed, shown as strips, renamed and deleted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import Path, Query, Response
from pydantic import BaseModel

from app.domain import directions
from app.domain.errors import Conflict, InvalidRequest, QueueFull
from app.domain.images.encoders import MEDIA_TYPES, SINGLE_FORMATS, SingleFormat, encode_image
from app.domain.images.recipes import grid_recipe, recipe_text
from app.domain.pagination import newest_first
from app.domain.tables import Direction
from app.routes.dependencies import Cursor, DatabaseDep, Limit, PublisherDep
from app.routes.fields import Name, to_datetime
from app.routes.generation import (
    GENERATION_DEPENDENCIES,
    CheckpointParameter,
    GenerationContext,
    GenerationDep,
    ImageOptions,
    ImageOptionsDep,
    check_pixels,
)
from app.routes.jobs import JobView, job_view
from app.routes.middleware.proxies import public_path
from app.routes.openapi import NOT_MODIFIED, file_response, new_router, problems
from app.routes.protocol.caching import cache_headers, is_not_modified
from app.serving.latent_library import References
from app.serving.latents import MAX_AMOUNT, LatentSource
from app.serving.request_bodies import StrictBody
from app.serving.samples import to_sample
from models.config import MAX_SEED
from models.samples import Pixels, Sample, tile, unpack_vector

router = new_router(prefix="/v1/models", tags=["directions"], dependencies=GENERATION_DEPENDENCIES)

STRIP_SEEDS, STRIP_AMOUNTS = "1,2,3", "-3,-2,-1,0,1,2,3"
MAX_STRIP_SEEDS, MAX_STRIP_AMOUNTS = 16, 15

DirectionInPath = Annotated[str, Path(max_length=64)]
FormatInPath = Annotated[SingleFormat, Path(alias="format")]


class AccuracyView(BaseModel):
    """The share of `examples` that a direction taught without them puts on their own side.

    `low` and `high` are its 95 % interval.
    """

    value: float
    low: float
    high: float
    examples: int


class DirectionView(BaseModel):
    """A direction, to be used as `{"edits": {"NAME": amount}}` of a latent.

    `effect`: the mean distance between the embeddings of images and of the same images moved by ±2.
    Of a taught direction, `accuracy` is measured on examples left out of the fit, `raised` is the
    share of seeds whose image looks more like the positive examples at +2 than at -2, `positive`
    and `negative` are the numbers of examples, and `orthogonal_to` names the directions that it was
    made independent of. They are null of a found one. `strip` is the address of a picture.
    """

    name: str
    model: str
    method: Literal["ganspace", "sefa", "taught"]
    checkpoint: str | None
    effect: float
    accuracy: AccuracyView | None
    raised: float | None
    positive: int | None
    negative: int | None
    orthogonal_to: list[str] | None
    strip: str
    created_at: datetime


class DirectionDetail(DirectionView):
    """A direction with its `vector`, of unit length in the latent space of the model."""

    vector: list[float]


class DirectionList(BaseModel):
    items: list[DirectionView]
    next: str | None


class DirectionPatch(StrictBody):
    """The direction's new name."""

    name: Name


@router.get("/{name}/directions")
def list_directions(
    name: str, database: DatabaseDep, limit: Limit = 50, cursor: Cursor = None
) -> DirectionList:
    with database.read() as session:
        query = directions.select_all(session, name)
        page = newest_first(session, query, Direction.number, limit=limit, cursor=cursor)
        return DirectionList(items=[direction_view(row) for row in page.items], next=page.next)


@router.post("/{name}/find-directions", status_code=202, responses=problems(QueueFull))
async def find_directions(
    name: str,
    response: Response,
    context: GenerationDep,
    publisher: PublisherDep,
    checkpoint: CheckpointParameter = None,
) -> JobView:
    """Find the directions that change the images most, without examples: GANSpace and SeFa. The
    returned job saves them as found-1, found-2, … and replaces those of an earlier job, except
    renamed ones."""
    found = await context.find(name, checkpoint)

    def queue() -> JobView:
        job = directions.ensure_search(context.database, context.settings, found.id)
        publisher.wake(job.queue)
        with context.database.read() as session:
            return job_view(session, job)

    view = await to_thread.run_sync(queue)
    response.headers["Location"] = f"/v1/jobs/{view.id}"
    return view


@router.get("/{name}/directions/{direction}")
def get_direction(name: str, direction: DirectionInPath, database: DatabaseDep) -> DirectionDetail:
    with database.read() as session:
        return _detail(directions.find(session, name, direction))


@router.patch("/{name}/directions/{direction}", responses=problems(Conflict))
def rename_direction(
    name: str, direction: DirectionInPath, patch: DirectionPatch, database: DatabaseDep
) -> DirectionView:
    with database.write() as session:
        return direction_view(directions.rename(session, name, direction, patch.name))


@router.delete("/{name}/directions/{direction}", status_code=204)
def delete_direction(name: str, direction: DirectionInPath, database: DatabaseDep) -> Response:
    """Delete a direction. Recipes that use it keep their latents' values."""
    with database.write() as session:
        directions.delete(session, name, direction)
    return Response(status_code=204)


@router.get(
    "/{name}/directions/{direction}/strip.{format}",
    response_class=Response,
    responses=file_response(*SINGLE_FORMATS) | NOT_MODIFIED | problems(QueueFull),
)
async def get_strip(
    name: str,
    direction: DirectionInPath,
    image_format: FormatInPath,
    context: GenerationDep,
    options: ImageOptionsDep,
    seeds: Annotated[
        str,
        Query(
            max_length=400,
            pattern=r"^[0-9]+(,[0-9]+)*$",
            description="The rows: seeds, separated by commas.",
        ),
    ] = STRIP_SEEDS,
    amounts: Annotated[
        str,
        Query(
            max_length=400,
            pattern=r"^-?[0-9.]+(,-?[0-9.]+)*$",
            description="The columns: amounts, separated by commas.",
        ),
    ] = STRIP_AMOUNTS,
) -> Response:
    """A picture of the direction: each row is a seed's image, moved by each column's amount."""
    rows, columns = _seeds(seeds), _amounts(amounts)
    checkpoint = await context.find(name, options.checkpoint)
    count = len(rows) * len(columns)
    check_pixels(count, checkpoint, context.settings, "scale", options.display.scale)
    samples = await _strip_samples(context, name, direction, options, rows, columns)
    recipe = grid_recipe(checkpoint, samples, len(columns)) | options.display.recipe()
    headers = cache_headers(recipe_text(recipe), image_format, None)
    if is_not_modified(context.request, headers):
        return Response(status_code=304, headers=headers)
    pixels = await context.render(checkpoint, samples)

    def encode() -> bytes:
        sheet: Pixels = tile(options.display.enlarge(pixels), len(columns))
        return encode_image(sheet, image_format, recipe)

    data = await to_thread.run_sync(encode)
    return Response(data, headers=headers, media_type=MEDIA_TYPES[image_format])


async def _strip_samples(
    context: GenerationContext,
    name: str,
    direction: str,
    options: ImageOptions,
    seeds: Sequence[int],
    amounts: Sequence[float],
) -> list[Sample]:
    checkpoint = await context.find(name, options.checkpoint)
    library = await context.library(name, References(directions={direction: "direction"}))
    return [
        to_sample(
            checkpoint,
            LatentSource(seed=seed, edits={direction: amount}),
            "direction",
            class_name=options.class_name,
            truncation=options.truncation,
            library=library,
        )
        for seed in seeds
        for amount in amounts
    ]


def direction_view(row: Direction) -> DirectionView:
    return DirectionView(**_fields(row))


def _detail(row: Direction) -> DirectionDetail:
    return DirectionDetail(**_fields(row), vector=unpack_vector(row.vector).tolist())


def _fields(row: Direction) -> dict[str, Any]:
    details = row.details
    return {
        "name": row.name,
        "model": row.model,
        "method": row.method,
        "checkpoint": row.checkpoint,
        "effect": details["effect"],
        "strip": public_path(f"/v1/models/{row.model}/directions/{row.name}/strip.png"),
        "created_at": to_datetime(row.created_at),
    } | {
        name: details.get(name)
        for name in ("accuracy", "raised", "positive", "negative", "orthogonal_to")
    }


def _seeds(text: str) -> list[int]:
    values = [int(part) for part in text.split(",")]
    if len(values) > MAX_STRIP_SEEDS or max(values) > MAX_SEED:
        raise InvalidRequest(
            f"seeds {text[:100]!r} are not 1 to {MAX_STRIP_SEEDS} seeds such as {STRIP_SEEDS}",
            field="seeds",
        )
    return values


def _amounts(text: str) -> list[float]:
    wrong = InvalidRequest(
        f"amounts {text[:100]!r} are not 1 to {MAX_STRIP_AMOUNTS} numbers from {-MAX_AMOUNT:g} to "
        f"{MAX_AMOUNT:g} such as {STRIP_AMOUNTS}",
        field="amounts",
    )
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise wrong from error
    if len(values) > MAX_STRIP_AMOUNTS or not all(abs(value) <= MAX_AMOUNT for value in values):
        raise wrong
    return values
