"""Copy passports over HTTP: of one image, of many, and images whose copies are replaced."""

from typing import Annotated, Any

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from app.domain.errors import Conflict
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.recipes import image_recipe, recipe_text
from app.routes.generation import GenerationContext
from app.routes.middleware.proxies import public_path
from app.routes.protocol.caching import cache_headers, is_not_modified
from app.routes.protocol.deadlines import while_connected
from app.serving.copy_rejection import Originals, replace_copies
from app.serving.engine import Engine
from app.serving.latents import Truncation
from app.serving.passports import DatasetEmbeddings, NoPassport, no_passport
from app.serving.samples import to_samples
from models.samples import Point, Sample


class NearestPicture(BaseModel):
    """The training picture nearest to an image.

    `percentile`: the share of training pictures, 0 to 100, that are nearer to their own nearest
    neighbour.
    """

    index: int
    url: str
    distance: float
    percentile: float


class ImageAnswer(BaseModel):
    """The recipe of an image, by its seed or latent, and its passport where that is requested.
    `source` says how the latent was requested: by its name, a mix, a projection, with which edits.

    `truncation` is left out where it is 1.

    `copy`: whether the image is a copy of `nearest`. Both are null where that cannot be determined,
    and `nearest_absent` says why.
    """

    model: str
    checkpoint: str
    sha256: str
    images_seen: int
    backend: str
    seed: int | None = None
    latent: list[float] | None = None
    source: dict[str, Any] | None = None
    class_name: Annotated[str | None, Field(alias="class")]
    truncation: Truncation = 1.0
    nearest: NearestPicture | None = None
    copied: Annotated[bool | None, Field(alias="copy")] = None
    nearest_absent: str | None = None


async def describe(
    checkpoint: GeneratorCheckpoint, sample: Sample, context: GenerationContext
) -> Response:
    """Answer with an image's recipe and passport, or 304 before the passport is computed.

    The answer is never immutable: the training pictures may be deleted or embedded again.
    """
    recipe = image_recipe(checkpoint, sample)
    embeddings: DatasetEmbeddings | None = None
    try:
        embeddings = await context.engine.passports.open(context.database, checkpoint)
        identity: dict[str, Any] = embeddings.identity
    except NoPassport as error:
        identity = no_passport(str(error))
    headers = cache_headers(recipe_text(recipe | identity), "json", None)
    if is_not_modified(context.request, headers):
        return Response(status_code=304, headers=headers)
    if embeddings is None:
        return JSONResponse(recipe | identity, headers=headers)
    issuing = _issue(checkpoint, [sample], embeddings, context.engine)
    (passport,) = await while_connected(context.request, issuing)
    return JSONResponse(recipe | passport, headers=headers)


async def list_passports(
    checkpoint: GeneratorCheckpoint, samples: list[Sample], context: GenerationContext
) -> list[dict[str, Any]]:
    """Return each sample's passport as JSON; without passports, the reason instead."""
    try:
        embeddings = await context.engine.passports.open(context.database, checkpoint)
    except NoPassport as error:
        return [no_passport(str(error))] * len(samples)
    return await _issue(checkpoint, samples, embeddings, context.engine)


async def make_originals(
    checkpoint: GeneratorCheckpoint,
    class_name: str | None,
    seeds: list[Point],
    truncation: float,
    context: GenerationContext,
) -> Originals:
    """Generate the images of the seeds; images of other seeds replace those that are copies.

    Raises Conflict if copies cannot be recognised, or if the model generates too many of them.
    """
    try:
        embeddings = await context.engine.passports.open(context.database, checkpoint)
    except NoPassport as error:
        raise Conflict(
            f"copies cannot be recognised: {error}. Leave reject_copies out",
            field="reject_copies",
        ) from error

    def choose(points: list[Point]) -> list[Sample]:
        return to_samples(checkpoint, class_name, points, truncation)

    return await replace_copies(context.engine, embeddings, checkpoint, choose(seeds), choose)


async def _issue(
    checkpoint: GeneratorCheckpoint,
    samples: list[Sample],
    embeddings: DatasetEmbeddings,
    engine: Engine,
) -> list[dict[str, Any]]:
    pixels = await engine.generate(checkpoint, samples)
    issued = await engine.passports.issue(embeddings, pixels)
    passports = [passport.to_json() for passport in issued]
    for passport in passports:
        passport["nearest"]["url"] = public_path(passport["nearest"]["url"])
    return passports
