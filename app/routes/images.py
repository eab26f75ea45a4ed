"""One image of a model, by its URL."""

import secrets
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Path, Query, Response

from app.domain.errors import NotAcceptable, QueueFull
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import MEDIA_TYPES, SINGLE_FORMATS, SingleFormat
from app.domain.images.recipes import truncation_recipe
from app.routes.generation import (
    GENERATION_DEPENDENCIES,
    GenerationContext,
    GenerationDep,
    ImageOptions,
    ImageOptionsDep,
    check_pixels,
    refuse_scaled_json,
)
from app.routes.openapi import NOT_MODIFIED, file_response, new_router, problems
from app.routes.passports import ImageAnswer, describe
from app.routes.protocol.caching import cache_headers, is_not_modified
from app.routes.protocol.negotiation import choose_media_type
from app.serving.image_files import ImageFile
from app.serving.latents import Latent, references
from app.serving.samples import to_sample
from models.config import MAX_SEED
from models.samples import Sample

router = new_router(prefix="/v1/models", tags=["images"], dependencies=GENERATION_DEPENDENCIES)

SeedInPath = Annotated[int, Path(ge=0, le=MAX_SEED)]
NearestParameter = Annotated[
    int, Query(ge=1, le=64, description="The number of nearest training pictures to list.")
]
LatentInPath = Annotated[str, Path(max_length=64)]  # the name of a saved latent
FormatInPath = Annotated[SingleFormat, Path(alias="format")]


@router.get(
    "/{name}/images/@{latent}.json",
    response_model=ImageAnswer,
    responses=NOT_MODIFIED | problems(QueueFull),
)
async def describe_named_image(
    name: str,
    latent: LatentInPath,
    context: GenerationDep,
    options: ImageOptionsDep,
    nearest: NearestParameter = 1,
) -> Response:
    """The recipe of a saved latent's image, and its passport."""
    named = Latent(name=latent, edits=options.edits)
    return await _describe(name, named, context, options, nearest)


@router.get(
    "/{name}/images/@{latent}.{format}",
    response_class=Response,
    responses=file_response(*SINGLE_FORMATS) | NOT_MODIFIED | problems(QueueFull),
)
async def get_named_image(
    name: str,
    latent: LatentInPath,
    image_format: FormatInPath,
    context: GenerationDep,
    options: ImageOptionsDep,
) -> Response:
    """The image of a saved latent, by its name. A name that stands for a seed gives the seed's
    image, with the same `ETag`."""
    named = Latent(name=latent, edits=options.edits)
    return await _image(name, named, image_format, context, options)


@router.get(
    "/{name}/images/{seed}.json",
    response_model=ImageAnswer,
    responses=NOT_MODIFIED | problems(QueueFull),
)
async def describe_image(
    name: str,
    seed: SeedInPath,
    context: GenerationDep,
    options: ImageOptionsDep,
    nearest: NearestParameter = 1,
) -> Response:
    """The recipe of a seed's image, and its passport: the nearest training picture, and whether
    the image is a copy of it."""
    latent = Latent(seed=seed, edits=options.edits)
    return await _describe(name, latent, context, options, nearest)


@router.get(
    "/{name}/images/{seed}.{format}",
    response_class=Response,
    responses=file_response(*SINGLE_FORMATS) | NOT_MODIFIED | problems(QueueFull),
)
async def get_image(
    name: str,
    seed: SeedInPath,
    image_format: FormatInPath,
    context: GenerationDep,
    options: ImageOptionsDep,
) -> Response:
    """The image of a seed. Its recipe is at the same address with the ending `.json`."""
    latent = Latent(seed=seed, edits=options.edits)
    return await _image(name, latent, image_format, context, options)


@router.get(
    "/{name}/images/{seed}",
    response_class=Response,
    responses=file_response(*SINGLE_FORMATS) | NOT_MODIFIED | problems(NotAcceptable, QueueFull),
)
async def negotiate_image(
    name: str, seed: SeedInPath, context: GenerationDep, options: ImageOptionsDep
) -> Response:
    """The image of a seed in the format that `Accept` prefers, by default PNG."""
    formats = {MEDIA_TYPES[image_format]: image_format for image_format in SINGLE_FORMATS}
    accept = context.request.headers.get("accept")
    image_format = formats[choose_media_type(accept, list(formats))]
    response = await get_image(name, seed, image_format, context, options)
    response.headers["Vary"] = "Accept"
    return response


@router.get(
    "/{name}/random.{format}",
    response_class=Response,
    responses=file_response(*SINGLE_FORMATS) | problems(QueueFull),
)
async def get_random_image(
    name: str, image_format: FormatInPath, context: GenerationDep, options: ImageOptionsDep
) -> Response:
    """The image of a random seed, another one at each call. The header `Moggy-Seed` holds the seed,
    and `Content-Location` the permanent address of the image."""
    seed = secrets.randbelow(MAX_SEED + 1)
    checkpoint = await context.find(name, options.checkpoint)
    check_pixels(1, checkpoint, context.settings, "scale", options.display.scale)
    sample = await _sample(checkpoint, Latent(seed=seed, edits=options.edits), context, options)
    query: dict[str, Any] = {"checkpoint": checkpoint.id}
    query |= {"class": options.class_name} if options.class_name else {}
    query |= truncation_recipe(options.truncation) | options.display.recipe()
    edits = (options.edits or {}).items()
    query["edit"] = [f"{direction}:{amount!r}" for direction, amount in edits]
    address = f"/v1/models/{name}/images/{seed}.{image_format}"
    headers = {
        "Cache-Control": "no-store",
        "Content-Location": f"{address}?{urlencode(query, doseq=True)}",
        "Moggy-Seed": str(seed),
    }
    file = ImageFile(checkpoint, sample, image_format, options.display)
    return await context.file_response(file, headers)


async def _describe(
    model: str,
    latent: Latent,
    context: GenerationContext,
    options: ImageOptions,
    nearest: int,
) -> Response:
    refuse_scaled_json("json", options.display)
    checkpoint = await context.find(model, options.checkpoint)
    sample = await _sample(checkpoint, latent, context, options)
    return await describe(checkpoint, sample, context, nearest)


async def _image(
    model: str,
    latent: Latent,
    image_format: SingleFormat,
    context: GenerationContext,
    options: ImageOptions,
) -> Response:
    checkpoint = await context.find(model, options.checkpoint)
    sample = await _sample(checkpoint, latent, context, options)
    file = ImageFile(checkpoint, sample, image_format, options.display)
    # What a name or a direction stands for may change later.
    pinned = None if references({"latent": latent}) else options.checkpoint
    headers = cache_headers(file.recipe_text, image_format, pinned)
    if is_not_modified(context.request, headers):
        return Response(status_code=304, headers=headers)
    check_pixels(1, checkpoint, context.settings, "scale", options.display.scale)
    return await context.file_response(file, headers)


async def _sample(
    checkpoint: GeneratorCheckpoint,
    latent: Latent,
    context: GenerationContext,
    options: ImageOptions,
) -> Sample:
    library = await context.library(checkpoint.model, references({"latent": latent}))
    return to_sample(
        checkpoint,
        latent,
        "latent",
        class_name=options.class_name,
        truncation=options.truncation,
        library=library,
    )
