"""Copy passports over HTTP: of one image, of many, and images that are no copies."""

from typing import Annotated, Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from app.domain.database import Database
from app.domain.errors import Conflict
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.images.recipes import image_recipe, recipe_text
from app.routes.deadlines import while_connected
from app.routes.generation import cache_headers, choose_classes, is_known
from app.routes.proxies import public_path
from app.serving.copy_rejection import Originals, replace_copies
from app.serving.engine import Engine
from app.serving.passports import DatasetEmbeddings, NoPassport, no_passport
from models.samples import Point, Sample


class NearestPicture(BaseModel):
    """The training picture that an image is nearest to.

    `percentile`: the share of training pictures, 0 to 100, that are nearer to their nearest.
    """

    index: int
    url: str
    distance: float
    percentile: float


class ImageAnswer(BaseModel):
    """An image's recipe, by its seed or its latent, and its passport where that was asked for.

    `copy`: whether the image is a copy of `nearest`. Both are null where that cannot be told, and
    `nearest_absent` says why.
    """

    model: str
    checkpoint: str
    sha256: str
    images_seen: int
    backend: str
    seed: int | None = None
    latent: list[float] | None = None
    class_name: Annotated[str | None, Field(alias="class")]
    nearest: NearestPicture | None = None
    copied: Annotated[bool | None, Field(alias="copy")] = None
    nearest_absent: str | None = None


async def describe(
    checkpoint: ServedCheckpoint,
    sample: Sample,
    request: Request,
    database: Database,
    engine: Engine,
) -> Response:
    """An image's recipe and passport, which is made only for who has not got it already.

    It is never immutable: the training pictures may be deleted, or embedded anew.
    """
    recipe = image_recipe(checkpoint, sample)
    archive: DatasetEmbeddings | None = None
    try:
        archive = await engine.passports.open(database, checkpoint)
        known_by: dict[str, Any] = archive.identity
    except NoPassport as absent:
        known_by = no_passport(str(absent))
    headers = cache_headers(recipe_text(recipe | known_by), "json", None)
    if is_known(request, headers):
        return Response(status_code=304, headers=headers)
    if archive is None:
        return JSONResponse(recipe | known_by, headers=headers)
    (passport,) = await while_connected(request, _judge(checkpoint, [sample], archive, engine))
    return JSONResponse(recipe | passport, headers=headers)


async def list_passports(
    checkpoint: ServedCheckpoint, samples: list[Sample], database: Database, engine: Engine
) -> list[dict[str, Any]]:
    """The samples' passports, or that there is none and why; as JSON."""
    try:
        archive = await engine.passports.open(database, checkpoint)
    except NoPassport as absent:
        return [no_passport(str(absent))] * len(samples)
    return await _judge(checkpoint, samples, archive, engine)


async def make_originals(
    checkpoint: ServedCheckpoint,
    class_name: str | None,
    seeds: list[Point],
    database: Database,
    engine: Engine,
) -> Originals:
    """The images of the seeds, others in place of copies. Conflict where that cannot be done."""
    try:
        archive = await engine.passports.open(database, checkpoint)
    except NoPassport as absent:
        raise Conflict(
            f"copies cannot be told from other images: {absent}. Leave reject_copies out",
            field="reject_copies",
        ) from absent

    async def choose(points: list[Point]) -> list[Sample]:
        return await choose_classes(checkpoint, class_name, points)

    return await replace_copies(engine, archive, checkpoint, await choose(seeds), choose)


async def _judge(
    checkpoint: ServedCheckpoint, samples: list[Sample], archive: DatasetEmbeddings, engine: Engine
) -> list[dict[str, Any]]:
    pixels = await engine.generate(checkpoint, samples)
    passports = [one.to_json() for one in await engine.passports.issue(archive, pixels)]
    for passport in passports:
        passport["nearest"]["url"] = public_path(passport["nearest"]["url"])
    return passports
