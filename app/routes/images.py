"""One image of a model, by its URL."""

import secrets
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Response

from app.domain.errors import NotAcceptable, QueueFull
from app.domain.images.encoders import MEDIA_TYPES, SINGLE_FORMATS, SingleFormat
from app.domain.images.recipes import truncation_recipe
from app.routes.generation import (
    GENERATION_DEPENDENCIES,
    GenerationDep,
    ImageOptionsDep,
    check_pixels,
    refuse_scaled_json,
)
from app.routes.openapi import NOT_MODIFIED, file_response, problems
from app.routes.passports import ImageAnswer, describe
from app.routes.protocol.caching import cache_headers, is_not_modified
from app.routes.protocol.negotiation import choose_media_type
from app.serving.image_files import ImageFile
from app.serving.samples import to_samples
from models.config import MAX_SEED

router = APIRouter(prefix="/models", tags=["images"], dependencies=GENERATION_DEPENDENCIES)

SeedInPath = Annotated[int, Path(ge=0, le=MAX_SEED)]
NearestParameter = Annotated[
    int, Query(ge=1, le=64, description="The number of nearest training pictures to list.")
]
FormatInPath = Annotated[SingleFormat, Path(alias="format")]


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
    refuse_scaled_json("json", options.display)
    checkpoint = await context.find(name, options.checkpoint)
    (sample,) = to_samples(checkpoint, options.class_name, [seed], options.truncation)
    return await describe(checkpoint, sample, context, nearest)


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
    checkpoint = await context.find(name, options.checkpoint)
    (sample,) = to_samples(checkpoint, options.class_name, [seed], options.truncation)
    file = ImageFile(checkpoint, sample, image_format, options.display)
    headers = cache_headers(file.recipe_text, image_format, options.checkpoint)
    if is_not_modified(context.request, headers):
        return Response(status_code=304, headers=headers)
    check_pixels(1, checkpoint, context.settings, "scale", options.display.scale)
    return await context.file_response(file, headers)


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
    (sample,) = to_samples(checkpoint, options.class_name, [seed], options.truncation)
    query = {"checkpoint": checkpoint.id}
    query |= {"class": options.class_name} if options.class_name else {}
    query |= truncation_recipe(options.truncation) | options.display.recipe()
    address = f"/v1/models/{name}/images/{seed}.{image_format}"
    headers = {
        "Cache-Control": "no-store",
        "Content-Location": f"{address}?{urlencode(query)}",
        "Moggy-Seed": str(seed),
    }
    file = ImageFile(checkpoint, sample, image_format, options.display)
    return await context.file_response(file, headers)
