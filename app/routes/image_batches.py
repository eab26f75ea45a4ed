"""Many images of a model, by request: a sheet, a bundle, or their recipes."""

import math
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from app.domain.errors import (
    Conflict,
    InvalidRequest,
    LimitExceeded,
    QueueFull,
)
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.images.encoders import (
    MEDIA_TYPES,
    SINGLE_FORMATS,
    SingleFormat,
    encode_grid,
    encode_image,
)
from app.domain.images.recipes import grid_recipe, image_recipe
from app.domain.settings import Settings
from app.routes.body_limit import LargeBodyRoute
from app.routes.deadlines import allow_deadline, while_connected
from app.routes.dependencies import (
    DatabaseDep,
    EngineDep,
    SettingsDep,
    refuse_unknown_parameters,
)
from app.routes.document import problems
from app.routes.generation import (
    CheckpointId,
    DisplayFields,
    bundle_response,
    check_pixels,
    choose_classes,
    content,
    refuse_scaled_json,
)
from app.routes.passports import ImageAnswer, list_passports, make_originals
from app.serving.display import encode_contact_sheet, encode_sprites
from app.serving.engine import SLICE_IMAGES
from app.serving.image_bundles import in_slices
from app.serving.latents import Numbers, Seed, to_vector
from app.serving.request_bodies import FLOAT_AS_INT, exactly_one_schema
from models.config import MAX_SEED
from models.samples import Pixels, Point, Sample

router = APIRouter(
    prefix="/models",
    tags=["images"],
    route_class=LargeBodyRoute,
    dependencies=[Depends(refuse_unknown_parameters), Depends(allow_deadline)],
)


SHEETS = ("grid", "contact", "sprites")
STREAMED = ("zip", "multipart")


class ImagesRequest(DisplayFields):
    """Exactly one of `seeds`, `count` (from `seed` on, by default from 0) and `latents`.

    `columns` is a sheet's (grid, contact, sprites), by default as many as there are rows. `class`
    is a conditional model's; without it each seed draws its own, and latents are refused.
    `reject_copies`: where a seed's image is a copy of a training picture, that of the next seed
    beyond those asked for which is none. `passports`: each recipe with its image's passport.
    """

    model_config = exactly_one_schema(seeds="array", count="integer", latents="array")

    seeds: Annotated[list[Seed], Field(min_length=1, fail_fast=True)] | None = None
    count: Annotated[int, Field(strict=True, ge=1), FLOAT_AS_INT] | None = None
    seed: Seed | None = None
    latents: Annotated[list[Numbers], Field(min_length=1, fail_fast=True)] | None = None
    class_name: Annotated[str | None, Field(alias="class")] = None
    format: Literal[SingleFormat, "grid", "contact", "sprites", "zip", "multipart", "json"] = "grid"
    columns: Annotated[int, Field(strict=True, ge=1), FLOAT_AS_INT] | None = None
    checkpoint: CheckpointId | None = None
    reject_copies: Annotated[bool, Field(strict=True)] = False
    passports: Annotated[bool, Field(strict=True)] = False


class ImageAnswers(BaseModel):
    items: list[ImageAnswer]
    next: None = None


@router.post(
    "/{name}/images",
    response_class=Response,
    responses=content(*SINGLE_FORMATS, "zip", "multipart", json=ImageAnswers)
    | problems(Conflict, QueueFull),
)
async def generate_images(
    name: str,
    asked: ImagesRequest,
    request: Request,
    settings: SettingsDep,
    database: DatabaseDep,
    engine: EngineDep,
) -> Response:
    """Many images: one grid (PNG), a contact sheet with the seed below each (PNG), a sprite sheet
    with its map (a zip of sprites.png and sprites.json), a zip of PNGs or each on its own as
    multipart/mixed, both made while they are sent, or as `json` their recipes."""
    _check_count(asked, settings)
    _check_columns(asked)
    _check_passports(asked)
    refuse_scaled_json(asked.format, asked.display)
    checkpoint = await engine.checkpoints.find(database, name, asked.checkpoint)
    points = await to_thread.run_sync(_points, asked, checkpoint)
    if asked.format not in STREAMED or asked.reject_copies:
        check_pixels(len(points), checkpoint, settings, _given(asked)[0], asked.scale)
    if asked.reject_copies:
        making = make_originals(checkpoint, asked.class_name, points, database, engine)
        made = await while_connected(request, making)
        if asked.format == "json":
            return await to_thread.run_sync(
                _list_recipes, checkpoint, made.samples, made.descriptions()
            )
        if asked.format in STREAMED:
            slices = in_slices(made.pixels, SLICE_IMAGES)
            return await bundle_response(
                request, slices, checkpoint, made.samples, asked.format, asked.display
            )
        return await to_thread.run_sync(_answer, asked, checkpoint, made.samples, made.pixels)
    samples = await choose_classes(checkpoint, asked.class_name, points)
    if asked.format == "json":
        passports: list[dict[str, Any]] = [{}] * len(samples)
        if asked.passports:
            asking = list_passports(checkpoint, samples, database, engine)
            passports = await while_connected(request, asking)
        return await to_thread.run_sync(_list_recipes, checkpoint, samples, passports)
    if asked.format in STREAMED:
        slices = engine.slices(checkpoint, samples)
        return await bundle_response(
            request, slices, checkpoint, samples, asked.format, asked.display
        )
    pixels = await while_connected(request, engine.generate(checkpoint, samples))
    return await to_thread.run_sync(_answer, asked, checkpoint, samples, pixels)


def _list_recipes(
    checkpoint: ServedCheckpoint, samples: list[Sample], passports: list[dict[str, Any]]
) -> Response:
    items = [
        image_recipe(checkpoint, sample) | passport
        for sample, passport in zip(samples, passports, strict=True)
    ]
    return JSONResponse({"items": items, "next": None})


def _answer(
    asked: ImagesRequest, checkpoint: ServedCheckpoint, samples: list[Sample], pixels: Pixels
) -> Response:
    shown, pixels = asked.display.recipe(), asked.display.enlarge(pixels)
    if asked.format in SINGLE_FORMATS:
        data = encode_image(pixels[0], asked.format, image_recipe(checkpoint, samples[0]) | shown)
        return Response(data, media_type=MEDIA_TYPES[asked.format])
    columns = asked.columns or math.ceil(math.sqrt(len(samples)))
    recipe = grid_recipe(checkpoint, samples, columns) | shown
    if asked.format == "sprites":
        headers = {"Content-Disposition": f'attachment; filename="{checkpoint.model}-sprites.zip"'}
        data = encode_sprites(pixels, samples, columns, recipe)
        return Response(data, media_type=MEDIA_TYPES["zip"], headers=headers)
    if asked.format == "contact":
        data = encode_contact_sheet(pixels, samples, columns, recipe | {"captions": True})
        return Response(data, media_type=MEDIA_TYPES["png"])
    return Response(encode_grid(pixels, columns, recipe), media_type=MEDIA_TYPES["png"])


def _given(asked: ImagesRequest) -> list[str]:
    """Which of the three ways to name images were used."""
    return [one for one in ("seeds", "count", "latents") if getattr(asked, one) is not None]


def _check_count(asked: ImagesRequest, settings: Settings) -> None:
    """Refuse what is wrong whatever the model."""
    given = _given(asked)
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise InvalidRequest(f"give exactly one of seeds, count, latents: {found} given")
    if asked.seed is not None and asked.count is None:
        raise InvalidRequest("seed is where count starts from: give count too", field="seed")
    images = asked.count or len(asked.seeds or asked.latents or [])
    if images > settings.max_images_per_request:
        raise LimitExceeded(
            f"{images} images are asked for; one request may ask for "
            f"{settings.max_images_per_request} (MOGGY_MAX_IMAGES_PER_REQUEST)",
            field=given[0],
        )
    if images != 1 and asked.format in SINGLE_FORMATS:
        raise InvalidRequest(
            f"format {asked.format} holds one image and {images} are asked for: "
            "use grid, contact, sprites, zip or multipart, or ask for one",
            field="format",
        )
    if asked.count is not None and (asked.seed or 0) + asked.count - 1 > MAX_SEED:
        raise InvalidRequest(f"the last seed would be beyond {MAX_SEED}", field="count")


def _check_columns(asked: ImagesRequest) -> None:
    images = asked.count or len(asked.seeds or asked.latents or [])
    if asked.columns is None:
        return
    if asked.format not in SHEETS:
        raise InvalidRequest(
            f"columns are a sheet's and format is {asked.format}: use {', '.join(SHEETS)}, or "
            "leave columns out",
            field="columns",
        )
    if asked.columns > images:
        raise InvalidRequest(
            f"columns {asked.columns} is more than the {images} images", field="columns"
        )


def _check_passports(asked: ImagesRequest) -> None:
    if asked.passports and asked.format != "json":
        raise InvalidRequest(
            f"passports are given as json and format is {asked.format}: "
            "use format json, or leave passports out",
            field="passports",
        )
    if asked.reject_copies and asked.latents is not None:
        raise InvalidRequest(
            "reject_copies puts another seed in place of a copied one, and latents have none: "
            "give seeds or count",
            field="reject_copies",
        )


def _points(asked: ImagesRequest, checkpoint: ServedCheckpoint) -> list[Point]:
    if asked.seeds is not None:
        return list(asked.seeds)
    if asked.count is not None:
        first = asked.seed or 0
        return list(range(first, first + asked.count))
    return [
        to_vector(values, checkpoint.latent_dim, f"latents.{number}")
        for number, values in enumerate(asked.latents or [])
    ]
