"""The pictures of one seed after another, as files, made by a thread for each core."""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from app.domain.pictures.checkpoint import ServedCheckpoint
from app.domain.pictures.encoders import encode_image
from app.domain.pictures.recipes import Recipe, image_recipe
from app.domain.pictures.replacements import seed_after
from models.cores import usable_cores, use_cores
from models.latents import class_from_seed
from models.rendering import Renderer
from models.samples import BATCH, Pixels, Sample

PART = 4 * BATCH  # pictures that a thread makes at a time: each hand-over costs as much as a few
AHEAD = 4  # parts for each thread, made while a shard is being finished


class Picture(NamedTuple):
    """One file; `data` is None where it would have been a copy of a training picture."""

    seed: int
    label: int | None
    recipe: Recipe
    data: bytes | None


class Pictures:
    """`is_copy` tells of each of (N, H, W, C) pixels, N at most BATCH, whether to leave it out."""

    def __init__(
        self,
        renderer: Renderer,
        checkpoint: ServedCheckpoint,
        image_format: str,
        label: int | None,
        is_copy: Callable[[Pixels], list[bool]] | None = None,
    ) -> None:
        self._renderer = renderer
        self._checkpoint = checkpoint
        self._format = image_format
        self._label = label
        self._is_copy = is_copy

    def of(self, seed: int, first: int, last: int | None) -> Iterator[Picture]:
        """In order those of the seeds `first` to before `last` places after `seed`; None: on."""
        starts = itertools.count(first, PART) if last is None else range(first, last, PART)
        threads = usable_cores()
        with ThreadPoolExecutor(threads, "synthesis", use_cores, (1,)) as pool:
            waiting: deque[Future[list[Picture]]] = deque()
            for start in starts:
                stop = start + PART if last is None else min(start + PART, last)
                seeds = [seed_after(seed, place) for place in range(start, stop)]
                waiting.append(pool.submit(self._make, seeds))
                if len(waiting) > AHEAD * threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()

    def _make(self, seeds: list[int]) -> list[Picture]:
        batches = (seeds[first : first + BATCH] for first in range(0, len(seeds), BATCH))
        return [picture for batch in batches for picture in self._make_batch(batch)]

    def _make_batch(self, seeds: list[int]) -> list[Picture]:
        samples = [Sample(seed, self._choose_label(seed)) for seed in seeds]
        pixels = self._renderer.render(samples)
        copies = self._is_copy(pixels) if self._is_copy else [False] * len(samples)
        made = []
        for seed, sample, picture, copied in zip(seeds, samples, pixels, copies, strict=True):
            recipe = image_recipe(self._checkpoint, sample)
            data = None if copied else encode_image(picture, self._format, recipe)
            made.append(Picture(seed, sample.label, recipe, data))
        return made

    def _choose_label(self, seed: int) -> int | None:
        """The class that was asked for, else the one that the seed draws, as the API has it."""
        if self._label is not None or not self._checkpoint.classes:
            return self._label
        return class_from_seed(seed, len(self._checkpoint.classes))
