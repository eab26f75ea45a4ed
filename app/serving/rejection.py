"""Replaces images that a request rejects, copies or poor ones, by images of other seeds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated

from pydantic import Field

from app.domain.errors import Conflict
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.replacement_seeds import (
    MAX_MIN_QUALITY,
    describe_rejected,
    max_further_seeds,
    seed_after,
)
from app.domain.sample_indexes import quality_unknown
from app.serving.embedding_thread import DatasetEmbeddings
from app.serving.engine import Engine
from app.serving.passports import Passport
from models.config import MAX_SEED
from models.samples import Pixels, Point, Sample
from models.scoring.sample_index import SampleIndex

MIN_TRIED_TOGETHER = 8  # further seeds: few tries, each with one call of the embedding


MinQuality = Annotated[float, Field(strict=True, ge=0, le=MAX_MIN_QUALITY, allow_inf_nan=False)]


class OnlyRejected(Conflict):
    """Rejected images remain although all allowed further seeds were tried."""

    kind = "only_rejected"


@dataclass(frozen=True)
class Rejection:
    """Which images are rejected, and what they are compared with.

    Copies are rejected if `reject_copies`, which needs `embeddings`; images of less than
    `min_quality` are, which needs an `index` with realism.
    """

    embeddings: DatasetEmbeddings | None
    index: SampleIndex | None
    reject_copies: bool = False
    min_quality: float = 0.0

    @property
    def field(self) -> str:
        """The request's field that rejects, for errors."""
        return "min_quality" if self.min_quality else "reject_copies"

    def rejects(self, passport: Passport) -> bool:
        if self.reject_copies and passport.nearest is not None and passport.nearest.copied:
            return True
        return passport.quality is not None and passport.quality < self.min_quality


@dataclass(frozen=True)
class Accepted:
    """Images of which none is rejected. `replaced` maps their indices to the requested seeds."""

    samples: list[Sample]
    pixels: Pixels
    passports: list[Passport]
    replaced: dict[int, Point]


async def replace_rejected(
    engine: Engine,
    rejection: Rejection,
    checkpoint: GeneratorCheckpoint,
    samples: list[Sample],
    choose: Callable[[list[Point]], list[Sample]],
) -> Accepted:
    """The images of the samples, all of them seeds, with each rejected image replaced.

    The seeds after the highest one requested are tried in order, and the first accepted image takes
    the place of the first rejected one. The result depends only on the request, the checkpoint, the
    dataset and the index. `choose` gives the further seeds their classes. Raises OnlyRejected.
    """

    async def issue(pixels: Pixels) -> list[Passport]:
        return await engine.passports.issue(rejection.embeddings, pixels, rejection.index)

    seeds = [sample.point for sample in samples if isinstance(sample.point, int)]
    samples = list(samples)
    pixels = await engine.generate(checkpoint, samples)
    passports = await issue(pixels)
    rejected = [index for index, passport in enumerate(passports) if rejection.rejects(passport)]
    replaced: dict[int, Point] = {index: seeds[index] for index in rejected}
    untried = islice(_seeds_after(seeds), max_further_seeds(len(seeds), rejection.min_quality))
    tried = 0
    while rejected:
        # Surplus accepted images are dropped.
        further = list(islice(untried, max(len(rejected), MIN_TRIED_TOGETHER)))
        if not further:
            description = describe_rejected(
                checkpoint.model,
                f"{len(rejected):,} of {len(seeds):,} images",
                tried,
                min_quality=rejection.min_quality,
                reject_copies=rejection.reject_copies,
            )
            raise OnlyRejected(f"{description}, or request fewer images", field=rejection.field)
        tried += len(further)
        candidates = choose(list(further))
        candidate_pixels = await engine.generate(checkpoint, candidates)
        candidate_passports = await issue(candidate_pixels)
        accepted = (
            number
            for number, passport in enumerate(candidate_passports)
            if not rejection.rejects(passport)
        )
        for index, number in zip(rejected.copy(), accepted, strict=False):
            samples[index], pixels[index] = candidates[number], candidate_pixels[number]
            passports[index] = candidate_passports[number]
            rejected.remove(index)
    return Accepted(samples, pixels, passports, replaced)


def require_quality(index: SampleIndex, field: str = "min_quality") -> None:
    """Raise Conflict where the quality of images, which `field` needs, is not known."""
    if index.description.quality_absent is not None:
        raise quality_unknown(index.description.quality_absent, field)


def _seeds_after(seeds: Iterable[int]) -> Iterator[int]:
    """The seeds after the highest of `seeds`, wrapping from the last seed to 0, without `seeds`."""
    requested = set(seeds)
    first = max(requested) + 1
    following = (seed_after(first, offset) for offset in range(MAX_SEED))
    return (seed for seed in following if seed not in requested)
