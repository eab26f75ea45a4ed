"""The pictures of one seed after another, as files, made by a thread for each core."""

import itertools
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from math import prod
from typing import NamedTuple

import numpy as np

from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.images.encoders import encode_image
from app.domain.images.recipes import Recipe, image_recipe
from app.domain.images.replacements import seed_after
from models.cores import usable_cores, use_cores
from models.latents import class_from_seed
from models.rendering import Renderer
from models.samples import BATCH, Pixels, Sample

PART = 4 * BATCH  # pictures that a thread makes at a time: each hand-over costs as much as a few
PART_BYTES = 4 << 20  # of which large pictures are fewer: their hand-over costs nothing beside them
AHEAD = 4  # parts for each thread, made while a shard is being finished
AHEAD_BYTES = 256 << 20  # all of them, where cores are many: beyond it, one for each thread


class Picture(NamedTuple):
    """One file; `data` is None where it would have been a copy of a training picture."""

    seed: int
    label: int | None
    recipe: Recipe
    data: bytes | None


class Pictures:
    """`are_copies` tells which of (N, H, W, C) pixels, N at most PART, are to be left out."""

    def __init__(
        self,
        renderer: Renderer,
        checkpoint: ServedCheckpoint,
        image_format: str,
        label: int | None,
        are_copies: Callable[[Pixels], list[bool]] | None = None,
    ) -> None:
        self._renderer = renderer
        self._checkpoint = checkpoint
        self._format = image_format
        self._label = label
        self._are_copies = are_copies

    def of(self, seed: int, first: int, last: int | None) -> Generator[Picture]:
        """In order those of the seeds `first` to before `last` places after `seed`; None: on.

        Closed early, it waits for what is being made and makes no more.
        """
        threads = usable_cores()
        part, ahead = portions(self._checkpoint.shape, threads)
        starts = itertools.count(first, part) if last is None else range(first, last, part)
        pool = ThreadPoolExecutor(threads, "synthesis", use_cores, (1,))
        waiting: deque[Future[list[Picture]]] = deque()
        try:
            for start in starts:
                stop = start + part if last is None else min(start + part, last)
                seeds = [seed_after(seed, place) for place in range(start, stop)]
                waiting.append(pool.submit(self._make, seeds))
                if len(waiting) > ahead:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _make(self, seeds: list[int]) -> list[Picture]:
        samples = [Sample(seed, self._choose_label(seed)) for seed in seeds]
        batches = (samples[first : first + BATCH] for first in range(0, len(samples), BATCH))
        pixels = np.concatenate([self._renderer.render(batch) for batch in batches])
        copies = self._are_copies(pixels) if self._are_copies else [False] * len(samples)
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


def portions(shape: tuple[int, int, int], threads: int) -> tuple[int, int]:
    """Pictures in a part, and parts that wait at most; by the bytes of pictures of that shape."""
    size = prod(shape)
    part = min(PART, max(1, PART_BYTES // size // BATCH) * BATCH)
    return part, min(AHEAD * threads, max(threads, AHEAD_BYTES // (part * size)))
