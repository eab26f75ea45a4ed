"""Many images of a model in one request: a sheet, a bundle, or their recipes."""

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from app.domain.errors import Conflict, InvalidRequest, LimitExceeded, QueueFull
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import (
    MEDIA_TYPES,
    SINGLE_FORMATS,
    SingleFormat,
    encode_grid,
)
from app.domain.images.recipes import grid_recipe, image_recipe
from app.domain.settings import Settings
from app.routes.fields import CheckpointId
from app.routes.generation import (
    GENERATION_DEPENDENCIES,
    GenerationContext,
    GenerationDep,
    ImageFields,
    bundle_response,
    check_pixels,
    refuse_scaled_json,
)
from app.routes.middleware.body_limit import LargeBodyRoute
from app.routes.openapi import file_response, new_router, problems
from app.routes.passports import ImageAnswer, generate_accepted, list_passports
from app.routes.protocol.deadlines import while_connected
from app.serving.display import encode_contact_sheet, encode_sprites, square_columns
from app.serving.engine import SLICE_IMAGES
from app.serving.image_bundles import in_slices
from app.serving.image_files import ImageFile
from app.serving.latent_library import LatentLibrary
from app.serving.latents import Latent, Latents, Seed, references, to_vector
from app.serving.rejection import MinQuality
from app.serving.request_bodies import FLOAT_AS_INT, exactly_one_schema
from app.serving.samples import to_sample, to_samples
from models.config import MAX_SEED
from models.samples import Pixels, Point, Sample

router = new_router(
    prefix="/v1/models",
    tags=["images"],
    route_class=LargeBodyRoute,
    dependencies=GENERATION_DEPENDENCIES,
)

SOURCES = ("seeds", "count", "latents")  # the fields of which exactly one names the images
SHEETS = ("grid", "contact", "sprites")
STREAMED = ("zip", "multipart")


class ImagesRequest(ImageFields):
    """Give exactly one of `seeds`, `latents` and `count`: the seeds from `seed` (default 0) on.

    `columns` belongs to sheets (grid, contact, sprites); by default a sheet is square. `class`
    belongs to conditional models: without it each seed draws its own, a named latent has the class
    that it was saved with, and other latents are refused.
    `reject_copies`: a seed whose image is a copy of a training picture is replaced by the next seed
    after the requested ones whose image is no copy. `min_quality`: an image of a lower quality is
    replaced in the same way; of 100 random images, 30 are below 30. `passports`: adds each image's
    passport to its recipe.
    """

    model_config = exactly_one_schema(seeds="array", count="integer", latents="array")

    seeds: Annotated[list[Seed], Field(min_length=1, fail_fast=True)] | None = None
    count: Annotated[int, Field(strict=True, ge=1), FLOAT_AS_INT] | None = None
    seed: Seed | None = None
    latents: Latents | None = None
    class_name: Annotated[str | None, Field(alias="class")] = None
    format: Literal[SingleFormat, "grid", "contact", "sprites", "zip", "multipart", "json"] = "grid"
    columns: Annotated[int, Field(strict=True, ge=1), FLOAT_AS_INT] | None = None
    checkpoint: CheckpointId | None = None
    reject_copies: Annotated[bool, Field(strict=True)] = False
    min_quality: MinQuality = 0.0
    passports: Annotated[bool, Field(strict=True)] = False

    @property
    def sources(self) -> list[str]:
        return [name for name in SOURCES if getattr(self, name) is not None]

    @property
    def rejects(self) -> bool:
        return self.reject_copies or self.min_quality > 0

    @property
    def image_count(self) -> int:
        return self.count or len(self.seeds or self.latents or [])


class ImageAnswers(BaseModel):
    items: list[ImageAnswer]
    next: None = None


@router.post(
    "/{name}/images",
    response_class=Response,
    responses=file_response(*SINGLE_FORMATS, "zip", "multipart", json=ImageAnswers)
    | problems(Conflict, QueueFull),
)
async def generate_images(name: str, body: ImagesRequest, context: GenerationDep) -> Response:
    """Many images: a grid (PNG), a contact sheet with the seed below each image (PNG), a sprite
    sheet with its map (a zip of sprites.png and sprites.json), a zip of PNGs or multipart/mixed,
    both streamed while the images are made, or as `json` their recipes."""
    _check_count(body, context.settings)
    _check_columns(body)
    _check_passports(body)
    refuse_scaled_json(body.format, body.display)
    checkpoint = await context.find(name, body.checkpoint)
    if body.format not in STREAMED or body.rejects:
        check_pixels(body.image_count, checkpoint, context.settings, body.sources[0], body.scale)
    if body.rejects:
        return await _generate_accepted(body, checkpoint, context)
    latents = {
        f"latents.{index}": latent
        for index, latent in enumerate(body.latents or [])
        if isinstance(latent, Latent)
    }
    library = await context.library(name, references(latents))
    samples = await to_thread.run_sync(_samples, body, checkpoint, library)
    if body.format == "json":
        passports: list[dict[str, Any]] = [{}] * len(samples)
        if body.passports:
            listing = list_passports(checkpoint, samples, context)
            passports = await while_connected(context.request, listing)
        return await to_thread.run_sync(_recipes, checkpoint, samples, passports)
    if body.format in STREAMED:
        slices = context.engine.slices(checkpoint, samples)
        return await bundle_response(
            context.request, slices, checkpoint, samples, body.format, body.display
        )
    pixels = await context.render(checkpoint, samples)
    return await to_thread.run_sync(_file, body, checkpoint, samples, pixels)


async def _generate_accepted(
    body: ImagesRequest,
    checkpoint: GeneratorCheckpoint,
    context: GenerationContext,
) -> Response:
    generating = generate_accepted(checkpoint, _seeds(body), body, context)
    samples, pixels, descriptions = await while_connected(context.request, generating)
    if body.format == "json":
        return await to_thread.run_sync(_recipes, checkpoint, samples, descriptions)
    if body.format in STREAMED:
        slices = in_slices(pixels, SLICE_IMAGES)
        return await bundle_response(
            context.request, slices, checkpoint, samples, body.format, body.display
        )
    return await to_thread.run_sync(_file, body, checkpoint, samples, pixels)


def _recipes(
    checkpoint: GeneratorCheckpoint, samples: list[Sample], passports: list[dict[str, Any]]
) -> Response:
    items = [
        image_recipe(checkpoint, sample) | passport
        for sample, passport in zip(samples, passports, strict=True)
    ]
    return JSONResponse({"items": items, "next": None})


def _file(
    body: ImagesRequest, checkpoint: GeneratorCheckpoint, samples: list[Sample], pixels: Pixels
) -> Response:
    """Encode a sheet, or the single image."""
    if body.format in SINGLE_FORMATS:
        file = ImageFile(checkpoint, samples[0], body.format, body.display)
        return Response(file.encode(pixels[0]), media_type=MEDIA_TYPES[body.format])
    display, pixels = body.display.recipe(), body.display.enlarge(pixels)
    columns = body.columns or square_columns(len(samples))
    recipe = grid_recipe(checkpoint, samples, columns) | display
    if body.format == "sprites":
        headers = {"Content-Disposition": f'attachment; filename="{checkpoint.model}-sprites.zip"'}
        data = encode_sprites(pixels, samples, columns, recipe)
        return Response(data, media_type=MEDIA_TYPES["zip"], headers=headers)
    if body.format == "contact":
        data = encode_contact_sheet(pixels, samples, columns, recipe | {"captions": True})
        return Response(data, media_type=MEDIA_TYPES["png"])
    return Response(encode_grid(pixels, columns, recipe), media_type=MEDIA_TYPES["png"])


def _check_count(body: ImagesRequest, settings: Settings) -> None:
    """Raise for a number of images that is invalid for every model."""
    if len(body.sources) != 1:
        names = " and ".join(body.sources) or "none"
        raise InvalidRequest(f"give exactly one of seeds, count, latents: {names} given")
    if body.seed is not None and body.count is None:
        raise InvalidRequest("seed is the first seed of count: give count too", field="seed")
    if body.image_count > settings.max_images_per_request:
        raise LimitExceeded(
            f"{body.image_count} images are requested; the limit for one request is "
            f"{settings.max_images_per_request} (MOGGY_MAX_IMAGES_PER_REQUEST)",
            field=body.sources[0],
        )
    if body.image_count != 1 and body.format in SINGLE_FORMATS:
        raise InvalidRequest(
            f"format {body.format} holds one image, and {body.image_count} are requested: "
            "use grid, contact, sprites, zip or multipart, or request one image",
            field="format",
        )
    if body.count is not None and (body.seed or 0) + body.count - 1 > MAX_SEED:
        raise InvalidRequest(f"the last seed would be beyond {MAX_SEED}", field="count")


def _check_columns(body: ImagesRequest) -> None:
    if body.columns is None:
        return
    if body.format not in SHEETS:
        raise InvalidRequest(
            f"columns belongs to sheets, and format is {body.format}: use {', '.join(SHEETS)}, or "
            "leave columns out",
            field="columns",
        )
    if body.columns > body.image_count:
        raise InvalidRequest(
            f"columns {body.columns} is more than the {body.image_count} images", field="columns"
        )


def _check_passports(body: ImagesRequest) -> None:
    if body.passports and body.format != "json":
        raise InvalidRequest(
            f"passports are given as json, and format is {body.format}: "
            "use format json, or leave passports out",
            field="passports",
        )
    if body.rejects and body.latents is not None:
        field = "reject_copies" if body.reject_copies else "min_quality"
        raise InvalidRequest(
            f"{field} replaces a rejected seed by another seed, and latents have none: "
            "give seeds or count",
            field=field,
        )


def _samples(
    body: ImagesRequest, checkpoint: GeneratorCheckpoint, library: LatentLibrary
) -> list[Sample]:
    if body.latents is None:
        return to_samples(checkpoint, body.class_name, _seeds(body), body.truncation)
    samples = []
    for index, latent in enumerate(body.latents):
        field = f"latents.{index}"
        if isinstance(latent, list):
            point = to_vector(latent, checkpoint.latent_dim, field)
            samples += to_samples(checkpoint, body.class_name, [point], body.truncation)
        else:
            sample = to_sample(
                checkpoint,
                latent,
                field,
                class_name=body.class_name,
                truncation=body.truncation,
                library=library,
            )
            samples.append(sample)
    return samples


def _seeds(body: ImagesRequest) -> list[Point]:
    if body.seeds is not None:
        return list(body.seeds)
    first = body.seed or 0
    return list(range(first, first + (body.count or 0)))
