"""Images that are no copies of training pictures: a copied seed makes room for another one."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.domain.errors import Conflict
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.images.replacements import further_seeds, seed_after
from app.serving.dataset_embeddings import Archive
from app.serving.engine import Engine
from app.serving.passports import Passport
from models.config import MAX_SEED
from models.samples import BATCH, Pixels, Point, Sample


class OnlyCopies(Conflict):
    """The model copies more than its other seeds could make good."""


@dataclass(frozen=True)
class Originals:
    """Images of which none is a copy. `replaced` has the seed that was asked for, by place."""

    samples: list[Sample]
    pixels: Pixels
    passports: list[Passport]
    replaced: dict[int, Point]

    def descriptions(self) -> list[dict[str, Any]]:
        """Each image's passport as JSON, and where it is not the one asked for, `replaces`."""
        return [
            passport.to_json()
            | ({"replaces": self.replaced[place]} if place in self.replaced else {})
            for place, passport in enumerate(self.passports)
        ]


async def replace_copies(
    engine: Engine,
    archive: Archive,
    checkpoint: ServedCheckpoint,
    samples: list[Sample],
    choose: Callable[[list[Point]], Awaitable[list[Sample]]],
) -> Originals:
    """The images of the samples, all by seed; for a copy, that of a seed which makes none.

    Which seed depends on the request, the checkpoint and the dataset alone: those after the highest
    one asked for are tried in order, and the first good one goes to the first copied place.
    `choose` gives points their classes. Raises OnlyCopies.
    """
    seeds = [sample.point for sample in samples if isinstance(sample.point, int)]
    samples = list(samples)
    pixels = await engine.generate(checkpoint, samples)
    passports = await engine.passports.issue(archive, pixels)
    copied = [place for place, passport in enumerate(passports) if passport.copied]
    replaced: dict[int, Point] = {place: seeds[place] for place in copied}
    untried = islice(_others(seeds), further_seeds(len(seeds)))
    tried = 0
    while copied:
        # At least as many as a forward pass makes anyway; those left over are not used.
        others = list(islice(untried, max(len(copied), BATCH)))
        if not others:
            raise _refusal(checkpoint, len(seeds), len(copied), tried)
        tried += len(others)
        candidates = await choose(list(others))
        made = await engine.generate(checkpoint, candidates)
        judged = await engine.passports.issue(archive, made)
        good = (number for number, passport in enumerate(judged) if not passport.copied)
        for place, number in zip(copied.copy(), good, strict=False):
            samples[place], pixels[place] = candidates[number], made[number]
            passports[place] = judged[number]
            copied.remove(place)
    return Originals(samples, pixels, passports, replaced)


def _others(seeds: Iterable[int]) -> Iterator[int]:
    """The seeds after the highest one given, and after the last there is from 0 on."""
    given = set(seeds)
    first = max(given) + 1
    following = (seed_after(first, place) for place in range(MAX_SEED))
    return (seed for seed in following if seed not in given)


def _refusal(checkpoint: ServedCheckpoint, asked: int, copied: int, tried: int) -> OnlyCopies:
    return OnlyCopies(
        f"model {checkpoint.model!r} copies its training pictures: with {tried} further seeds "
        f"tried, {copied} of {asked} images are copies still. Ask for fewer, name another "
        "checkpoint, or leave reject_copies out",
        field="reject_copies",
    )
