"""One image of a model, by its URL."""

import secrets
from typing import Annotated
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Request, Response

from app.domain.errors import (
    NotAcceptable,
    QueueFull,
)
from app.domain.images.encoders import (
    MEDIA_TYPES,
    SINGLE_FORMATS,
    SingleFormat,
    encode_image,
)
from app.domain.images.recipes import Recipe, image_recipe, recipe_text
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
    CheckpointParameter,
    ClassParameter,
    DisplayDep,
    cache_headers,
    check_pixels,
    choose_classes,
    content,
    image_headers,
    is_known,
    refuse_scaled_json,
)
from app.routes.negotiation import choose_media_type
from app.routes.passports import ImageAnswer, describe
from app.serving.display import Display
from models.config import MAX_SEED
from models.samples import Pixels

router = APIRouter(
    prefix="/models",
    tags=["images"],
    dependencies=[Depends(refuse_unknown_parameters), Depends(allow_deadline)],
)


SeedInPath = Annotated[int, Path(ge=0, le=MAX_SEED)]


@router.get(
    "/{name}/images/{seed}.json",
    response_model=ImageAnswer,
    responses=NOT_MODIFIED | problems(QueueFull),
)
async def describe_image(
    name: str,
    seed: SeedInPath,
    request: Request,
    database: DatabaseDep,
    engine: EngineDep,
    display: DisplayDep,
    checkpoint: CheckpointParameter = None,
    class_name: ClassParameter = None,
) -> Response:
    """The recipe of the image that a seed names, and its passport: the training picture that it is
    nearest to, and whether it is a copy."""
    refuse_scaled_json("json", display)
    found = await engine.checkpoints.find(database, name, checkpoint)
    (sample,) = await choose_classes(found, class_name, [seed])
    return await describe(found, sample, request, database, engine)


@router.get(
    "/{name}/images/{seed}.{format}",
    response_class=Response,
    responses=content(*SINGLE_FORMATS) | NOT_MODIFIED | problems(QueueFull),
)
async def get_image(
    name: str,
    seed: SeedInPath,
    image_format: Annotated[SingleFormat, Path(alias="format")],
    request: Request,
    settings: SettingsDep,
    database: DatabaseDep,
    engine: EngineDep,
    display: DisplayDep,
    checkpoint: CheckpointParameter = None,
    class_name: ClassParameter = None,
) -> Response:
    """The image that a seed names; `.json` instead of a picture's ending gives its recipe."""
    found = await engine.checkpoints.find(database, name, checkpoint)
    (sample,) = await choose_classes(found, class_name, [seed])
    recipe = image_recipe(found, sample) | display.recipe()
    headers = cache_headers(recipe_text(recipe), image_format, checkpoint)
    if is_known(request, headers):
        return Response(status_code=304, headers=headers)
    check_pixels(1, found, settings, "scale", display.scale)
    pixels = await while_connected(request, engine.generate(found, [sample]))
    return await _show(pixels, display, image_format, recipe, headers)


@router.get(
    "/{name}/images/{seed}",
    response_class=Response,
    responses=content(*SINGLE_FORMATS) | NOT_MODIFIED | problems(NotAcceptable, QueueFull),
)
async def negotiate_image(
    name: str,
    seed: SeedInPath,
    request: Request,
    settings: SettingsDep,
    database: DatabaseDep,
    engine: EngineDep,
    display: DisplayDep,
    checkpoint: CheckpointParameter = None,
    class_name: ClassParameter = None,
) -> Response:
    """The same in the format that `Accept` asks for, by default PNG."""
    offered = {MEDIA_TYPES[one]: one for one in SINGLE_FORMATS}
    chosen = offered[choose_media_type(request.headers.get("accept"), list(offered))]
    response = await get_image(
        name, seed, chosen, request, settings, database, engine, display, checkpoint, class_name
    )
    response.headers["Vary"] = "Accept"
    return response


@router.get(
    "/{name}/random.{format}",
    response_class=Response,
    responses=content(*SINGLE_FORMATS) | problems(QueueFull),
)
async def get_random_image(
    name: str,
    image_format: Annotated[SingleFormat, Path(alias="format")],
    request: Request,
    settings: SettingsDep,
    database: DatabaseDep,
    engine: EngineDep,
    display: DisplayDep,
    checkpoint: CheckpointParameter = None,
    class_name: ClassParameter = None,
) -> Response:
    """Another image at each call. Its seed is in the header `Moggy-Seed`, and the address under
    which it can be had again in `Content-Location`."""
    seed = secrets.randbelow(MAX_SEED + 1)
    found = await engine.checkpoints.find(database, name, checkpoint)
    check_pixels(1, found, settings, "scale", display.scale)
    (sample,) = await choose_classes(found, class_name, [seed])
    again = {"checkpoint": found.id} | ({"class": class_name} if class_name else {})
    address = f"/v1/models/{name}/images/{seed}.{image_format}"
    headers = {
        "Cache-Control": "no-store",
        "Content-Location": f"{address}?{urlencode(again | display.recipe())}",
        "Moggy-Seed": str(seed),
    }
    recipe = image_recipe(found, sample) | display.recipe()
    pixels = await while_connected(request, engine.generate(found, [sample]))
    return await _show(pixels, display, image_format, recipe, headers)


async def _show(
    pixels: Pixels, display: Display, image_format: str, recipe: Recipe, headers: dict[str, str]
) -> Response:
    def encode() -> bytes:
        return encode_image(display.enlarge(pixels)[0], image_format, recipe)

    data = await to_thread.run_sync(encode)
    headers |= image_headers(recipe, image_format)
    return Response(data, headers=headers, media_type=MEDIA_TYPES[image_format])
