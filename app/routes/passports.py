"""Passports over HTTP: of one image, of many, and images whose rejected ones are replaced."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Protocol, Self

from anyio import to_thread
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
from app.serving.embedding_thread import DatasetEmbeddings, NotComparable
from app.serving.latents import Truncation
from app.serving.passports import Passport
from app.serving.rejection import Accepted, Rejection, replace_rejected, require_quality
from app.serving.sample_indexes import OpenIndex
from app.serving.samples import to_samples
from models.samples import Pixels, Point, Sample

Absence = Literal["training_unknown", "dataset_deleted", "not_comparable", "no_index"]
NO_INDEX = (
    "the checkpoint has no sample index yet: a search, or a request with min_quality, has it built"
)


class RejectingRequest(Protocol):
    """The fields of a request that reject images."""

    class_name: str | None
    truncation: float
    reject_copies: bool
    min_quality: float


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

    `nearest_pictures`: the nearest training pictures, where several are requested.

    `copy`: whether the image is a copy of `nearest`. Both are null where that cannot be determined,
    and `nearest_absent` says why. `quality`: of 100 images of the checkpoint, how many are less
    realistic; where it is null, `quality_absent` says why. `nearest_absence` and `quality_absence`
    are the kinds of these two sentences, as far as they are known.
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
    nearest_absence: Absence | None = None
    nearest_pictures: list[NearestPicture] | None = None
    quality: float | None = None
    quality_absent: str | None = None
    quality_absence: Absence | None = None
    replaces: int | None = None


@dataclass(frozen=True)
class PassportSources:
    """What passports of a checkpoint's images are issued from, or why a source is missing."""

    embeddings: DatasetEmbeddings | None
    nearest_absent: str | None
    index: OpenIndex | None
    quality_absent: str | None
    nearest_absence: str | None = None  # the kinds of the two reasons
    quality_absence: str | None = None

    @classmethod
    async def find(cls, checkpoint: GeneratorCheckpoint, context: GenerationContext) -> Self:
        embeddings, nearest_absent, kind = None, None, None
        try:
            embeddings = await context.engine.embedding_thread.open(context.database, checkpoint)
        except NotComparable as error:
            nearest_absent, kind = str(error), error.kind
        try:
            name = await context.engine.embedding_thread.embedding()
        except NotComparable as error:
            return cls(embeddings, nearest_absent, None, str(error), kind, error.kind)
        index = await to_thread.run_sync(context.indexes.find, checkpoint, name)
        if index is None:
            return cls(embeddings, nearest_absent, None, NO_INDEX, kind, "no_index")
        return cls(embeddings, nearest_absent, index, index.index.description.quality_absent, kind)

    @property
    def identity(self) -> dict[str, Any]:
        """What a passport depends on besides the picture itself."""
        pictures = self.embeddings.identity if self.embeddings else {}
        return pictures | self._absences() | {"index": self.index.sha256 if self.index else None}

    @property
    def is_empty(self) -> bool:
        return self.nearest_absent is not None and self.quality_absent is not None

    async def issue(self, pixels: Pixels, context: GenerationContext) -> list[dict[str, Any]]:
        """The passports of (N, H, W, C) uint8 as JSON."""
        index = self.index.index if self.index else None
        passports = await context.engine.passports.issue(self.embeddings, pixels, index)
        return [self.to_json(passport) for passport in passports]

    def to_json(self, passport: Passport | None) -> dict[str, Any]:
        """A passport as JSON; None: nothing is known of the image."""
        nearest = passport.nearest if passport else None
        quality = passport.quality if passport else None
        answer: dict[str, Any] = {"nearest": None, "copy": None}
        if nearest is not None:
            picture = nearest.to_json()
            picture["url"] = public_path(picture["url"])
            answer = {"nearest": picture, "copy": nearest.copied}
        answer["quality"] = None if quality is None else round(quality, 2)
        return answer | self._absences()

    def _absences(self) -> dict[str, str]:
        absences = {
            "nearest_absent": self.nearest_absent,
            "nearest_absence": self.nearest_absence,
            "quality_absent": self.quality_absent,
            "quality_absence": self.quality_absence,
        }
        return {name: reason for name, reason in absences.items() if reason is not None}


async def describe(
    checkpoint: GeneratorCheckpoint, sample: Sample, context: GenerationContext, nearest: int = 1
) -> Response:
    """Answer with an image's recipe and passport, or 304 before the passport is computed.

    Above 1, `nearest` is the number of training pictures to list as `nearest_pictures`.

    The answer is never immutable: the training pictures may be deleted or embedded again, and the
    sample index may be built.
    """
    recipe = image_recipe(checkpoint, sample)
    sources = await PassportSources.find(checkpoint, context)
    listed = {} if nearest == 1 else {"nearest_pictures": nearest}
    headers = cache_headers(recipe_text(recipe | sources.identity | listed), "json", None)
    if is_not_modified(context.request, headers):
        return Response(status_code=304, headers=headers)
    issuing = _issue(checkpoint, [sample], sources, context)
    (passport,) = await while_connected(context.request, issuing)
    if nearest > 1 and sources.embeddings is not None:
        listing = _list_nearest(checkpoint, sample, sources.embeddings, context, nearest)
        passport["nearest_pictures"] = await while_connected(context.request, listing)
    return JSONResponse(recipe | passport, headers=headers)


async def _list_nearest(
    checkpoint: GeneratorCheckpoint,
    sample: Sample,
    embeddings: DatasetEmbeddings,
    context: GenerationContext,
    count: int,
) -> list[dict[str, Any]]:
    pixels = await context.engine.generate(checkpoint, [sample])
    pictures = await context.engine.passports.nearest(embeddings, pixels, count)
    return [picture.to_json() | {"url": public_path(picture.url)} for picture in pictures]


async def list_passports(
    checkpoint: GeneratorCheckpoint, samples: list[Sample], context: GenerationContext
) -> list[dict[str, Any]]:
    """Return each sample's passport as JSON."""
    return await _issue(
        checkpoint, samples, await PassportSources.find(checkpoint, context), context
    )


async def _issue(
    checkpoint: GeneratorCheckpoint,
    samples: list[Sample],
    sources: PassportSources,
    context: GenerationContext,
) -> list[dict[str, Any]]:
    if sources.is_empty:
        return [sources.to_json(None)] * len(samples)
    return await sources.issue(await context.engine.generate(checkpoint, samples), context)


class AcceptedImages(NamedTuple):
    """Images of which none is rejected, and what their answers say of them beside the recipe."""

    samples: list[Sample]
    pixels: Pixels
    descriptions: list[dict[str, Any]]


async def generate_accepted(
    checkpoint: GeneratorCheckpoint,
    seeds: list[Point],
    body: "RejectingRequest",
    context: GenerationContext,
) -> AcceptedImages:
    """Generate the images of the seeds; images of other seeds replace those that are rejected.

    Raises Conflict if copies or the quality cannot be recognised, or if too many images are
    rejected, and IndexMissing until the quality can be computed.
    """
    if body.min_quality:
        require_quality((await context.sample_index(checkpoint)).index)
    sources = await PassportSources.find(checkpoint, context)
    if body.reject_copies and sources.embeddings is None:
        raise Conflict(
            f"copies cannot be recognised: {sources.nearest_absent}. Leave reject_copies out",
            field="reject_copies",
        )

    def choose(points: list[Point]) -> list[Sample]:
        return to_samples(checkpoint, body.class_name, points, body.truncation)

    rejection = Rejection(
        sources.embeddings,
        sources.index.index if sources.index else None,
        body.reject_copies,
        body.min_quality,
    )
    accepted = await replace_rejected(context.engine, rejection, checkpoint, choose(seeds), choose)
    return AcceptedImages(accepted.samples, accepted.pixels, _descriptions(sources, accepted))


def _descriptions(sources: PassportSources, accepted: Accepted) -> list[dict[str, Any]]:
    """Each image's passport as JSON. `replaces` is the requested seed of a replaced image."""
    return [
        sources.to_json(passport)
        | ({"replaces": accepted.replaced[index]} if index in accepted.replaced else {})
        for index, passport in enumerate(accepted.passports)
    ]
