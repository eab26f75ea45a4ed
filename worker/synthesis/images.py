"""Images of consecutive seeds: generated, judged, and encoded."""

import itertools
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from math import prod
from typing import NamedTuple

import numpy as np

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import encode_image
from app.domain.images.recipes import Recipe, image_recipe
from app.domain.images.replacement_seeds import seed_after
from models.onnx_generator import OnnxGenerator
from models.resources import usable_cores
from models.samples import Pixels, Sample
from models.seeds import class_from_seed

# Images in one call of the runtime, which takes as long for an image in every batch.
RENDER_BATCH = 8
# The images of a task, which one thread makes. Handing over a task takes as long as a few small
# images, so a task has many; tasks of large images have at most TASK_BYTES of pixels.
TASK_IMAGES = 4 * RENDER_BATCH
TASK_BYTES = 4 << 20
# The finished tasks that may wait while a shard is being closed: up to four per thread and up to
# WAITING_BYTES of pixels in total, but always one per thread.
TASKS_PER_THREAD = 4
WAITING_BYTES = 256 << 20


class EncodedImage(NamedTuple):
    """One image as a file; `data` is None for an image that is left out."""

    seed: int
    label: int | None
    recipe: Recipe
    data: bytes | None


class ImageStream:
    """Generates the images of consecutive seeds in order, with one thread per core.

    `find_rejected` takes up to TASK_IMAGES images (N, H, W, C); it returns True for each one to
    leave out.
    """

    def __init__(
        self,
        generator: OnnxGenerator,
        checkpoint: GeneratorCheckpoint,
        image_format: str,
        label: int | None,
        find_rejected: Callable[[Pixels], list[bool]] | None = None,
        truncation: float = 1.0,
    ) -> None:
        self._generator = generator
        self._checkpoint = checkpoint
        self._format = image_format
        self._label = label
        self._find_rejected = find_rejected
        self._truncation = truncation

    def images(self, seed: int, start: int, stop: int | None) -> Generator[EncodedImage]:
        """Yield the images of the seeds `seed` + offset, for offsets from `start` up to `stop`.

        `stop` is excluded; None means no end. Closing the generator waits for the tasks that are
        running and cancels the others.
        """
        threads = usable_cores()
        size, most_waiting = task_limits(self._checkpoint.shape, threads)
        offsets = itertools.count(start, size) if stop is None else range(start, stop, size)
        pool = ThreadPoolExecutor(threads, "synthesis")
        waiting: deque[Future[list[EncodedImage]]] = deque()
        try:
            for first in offsets:
                end = first + size if stop is None else min(first + size, stop)
                seeds = [seed_after(seed, offset) for offset in range(first, end)]
                waiting.append(pool.submit(self._make_images, seeds))
                if len(waiting) > most_waiting:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _make_images(self, seeds: list[int]) -> list[EncodedImage]:
        samples = [Sample(seed, self._choose_label(seed), self._truncation) for seed in seeds]
        batches = (
            samples[first : first + RENDER_BATCH] for first in range(0, len(samples), RENDER_BATCH)
        )
        pixels = np.concatenate([self._generator.render(batch) for batch in batches])
        rejected = self._find_rejected(pixels) if self._find_rejected else [False] * len(samples)
        images = []
        for seed, sample, image, left_out in zip(seeds, samples, pixels, rejected, strict=True):
            recipe = image_recipe(self._checkpoint, sample)
            data = None if left_out else encode_image(image, self._format, recipe)
            images.append(EncodedImage(seed, sample.label, recipe, data))
        return images

    def _choose_label(self, seed: int) -> int | None:
        """The requested class, or else the class that the API draws from the seed."""
        if self._label is not None or not self._checkpoint.classes:
            return self._label
        return class_from_seed(seed, len(self._checkpoint.classes))


def task_limits(shape: tuple[int, int, int], threads: int) -> tuple[int, int]:
    """The number of images per task, and how many tasks may wait, for images of `shape`."""
    image_bytes = prod(shape)
    size = min(TASK_IMAGES, max(1, TASK_BYTES // image_bytes // RENDER_BATCH) * RENDER_BATCH)
    most_waiting = max(threads, WAITING_BYTES // (size * image_bytes))
    return size, min(TASKS_PER_THREAD * threads, most_waiting)
