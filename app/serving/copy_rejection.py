"""Replaces images that are copies of training pictures by images of other seeds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.domain.errors import Conflict
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.replacement_seeds import further_seeds, seed_after
from app.serving.engine import Engine
from app.serving.passports import DatasetEmbeddings, Passport
from models.config import MAX_SEED
from models.samples import Pixels, Point, Sample

MIN_TRIED_TOGETHER = 8  # further seeds: few tries, each with one call of the embedding


class OnlyCopies(Conflict):
    """Copies remain although all allowed further seeds were tried."""


@dataclass(frozen=True)
class Originals:
    """Images of which none is a copy. `replaced` maps their indices to the requested seeds."""

    samples: list[Sample]
    pixels: Pixels
    passports: list[Passport]
    replaced: dict[int, Point]

    def descriptions(self) -> list[dict[str, Any]]:
        """Each image's passport as JSON. `replaces` is the requested seed of a replaced image."""
        return [
            passport.to_json()
            | ({"replaces": self.replaced[index]} if index in self.replaced else {})
            for index, passport in enumerate(self.passports)
        ]


async def replace_copies(
    engine: Engine,
    embeddings: DatasetEmbeddings,
    checkpoint: GeneratorCheckpoint,
    samples: list[Sample],
    choose: Callable[[list[Point]], list[Sample]],
) -> Originals:
    """The images of the samples, all of them seeds, with each copy replaced by an original.

    The seeds after the highest one requested are tried in order, and the first original takes the
    place of the first copy. The result depends only on the request, the checkpoint and the dataset.
    `choose` gives the further seeds their classes. Raises OnlyCopies.
    """
    seeds = [sample.point for sample in samples if isinstance(sample.point, int)]
    samples = list(samples)
    pixels = await engine.generate(checkpoint, samples)
    passports = await engine.passports.issue(embeddings, pixels)
    copies = [index for index, passport in enumerate(passports) if passport.copied]
    replaced: dict[int, Point] = {index: seeds[index] for index in copies}
    untried = islice(_further_seeds(seeds), further_seeds(len(seeds)))
    tried = 0
    while copies:
        # Surplus originals are dropped.
        further = list(islice(untried, max(len(copies), MIN_TRIED_TOGETHER)))
        if not further:
            raise _refusal(checkpoint, len(seeds), len(copies), tried)
        tried += len(further)
        candidates = choose(list(further))
        candidate_pixels = await engine.generate(checkpoint, candidates)
        candidate_passports = await engine.passports.issue(embeddings, candidate_pixels)
        originals = (
            number for number, passport in enumerate(candidate_passports) if not passport.copied
        )
        for index, number in zip(copies.copy(), originals, strict=False):
            samples[index], pixels[index] = candidates[number], candidate_pixels[number]
            passports[index] = candidate_passports[number]
            copies.remove(index)
    return Originals(samples, pixels, passports, replaced)


def _further_seeds(seeds: Iterable[int]) -> Iterator[int]:
    """The seeds after the highest of `seeds`, wrapping from the last seed to 0, without `seeds`."""
    requested = set(seeds)
    first = max(requested) + 1
    following = (seed_after(first, offset) for offset in range(MAX_SEED))
    return (seed for seed in following if seed not in requested)


def _refusal(checkpoint: GeneratorCheckpoint, images: int, copies: int, tried: int) -> OnlyCopies:
    return OnlyCopies(
        f"model {checkpoint.model!r} copies its training pictures: with {tried} further seeds "
        f"tried, {copies} of {images} images are still copies. Ask for fewer, name another "
        "checkpoint, or leave reject_copies out",
        field="reject_copies",
    )
