"""Generation for the API: one thread turns queued latents into pixels, batch by batch."""

import asyncio
import math
import os
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import structlog
from anyio import to_thread

from app.domain.errors import QueueFull, Unavailable
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.serving.batches import BATCH, Pixels, Request, Sample, SampleQueue, Slice
from app.serving.catalogue import Catalogue, ServedCheckpoint
from app.serving.cores import leave_half_the_cores
from app.serving.generators import Generators
from app.serving.passports import Passports

if TYPE_CHECKING:
    from app.serving.renderer import Renderer

log = structlog.get_logger()

FIRST_GUESS_RATE = 500.0  # images per second, until measured
RATE_MEMORY = 0.9  # how much of the measured rate is kept at each batch


class Engine:
    """Pixels of any (checkpoint, latent, class), the same bytes whatever else is asked for.

    A lone request runs at once; what arrives during a forward pass shares the next one.
    """

    def __init__(self, settings: Settings, store: ObjectStore) -> None:
        # OpenMP reads it when torch is loaded: threads that spin while they wait take the
        # cores from whoever has work, here a 2-thread forward pass went from 4.5 to 200 ms.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        self.catalogue = Catalogue()
        self.passports = Passports(store, settings.generation_queue_images)
        self._generators = Generators(store, settings.models_in_memory)
        self._queue = SampleQueue(settings.generation_queue_images)
        self._loading: dict[str, asyncio.Future[Renderer]] = {}
        self._rate = FIRST_GUESS_RATE
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="generation", daemon=True)
        self._thread.start()

    async def generate(self, checkpoint: ServedCheckpoint, samples: Sequence[Sample]) -> Pixels:
        """(N, H, W, C) uint8, one picture per sample, N ≥ 1.

        Cancelling it, as when a client leaves, takes what is still queued out of the queue.
        Raises QueueFull, BrokenCheckpoint, Unavailable.
        """
        renderer = self._generators.find(checkpoint) or await self._load(checkpoint)
        pixels = np.empty((len(samples), *checkpoint.shape), np.uint8)
        request = Request(renderer, samples, pixels)
        if not self._queue.offer(request):
            raise self._refusal(len(samples))
        try:
            return await asyncio.wrap_future(request.result)
        finally:
            request.abandoned = True

    async def _load(self, checkpoint: ServedCheckpoint) -> "Renderer":
        """Load a generator once, in one thread, however many requests wait for it."""
        loading = self._loading.get(checkpoint.sha256)
        if loading is None:
            load = to_thread.run_sync(self._generators.load, checkpoint)
            loading = self._loading[checkpoint.sha256] = asyncio.ensure_future(load)
            loading.add_done_callback(lambda _: self._loading.pop(checkpoint.sha256))
        return await asyncio.shield(loading)  # who leaves does not end it for the others

    def close(self) -> None:
        """Finish the batch at hand, refuse the rest, end the threads."""
        self.passports.close()
        self._closed = True
        left = self._queue.close()
        self._thread.join()
        for request in left:
            if not request.abandoned:
                _fail(request, Unavailable("the service is stopping"))

    def _refusal(self, images: int) -> Unavailable:
        if self._closed:
            return Unavailable("the service is stopping")
        return QueueFull(
            f"{self._queue.samples} images wait to be generated and {images} more would pass the "
            f"limit of {self._queue.limit} (MOGGY_GENERATION_QUEUE_IMAGES)",
            retry_after=math.ceil(self._queue.samples / self._rate),
        )

    def _run(self) -> None:
        try:
            self._generate()
        except Exception as error:  # else whoever asks would wait for ever
            log.error("generation_ended", exc_info=error)
            self._closed = True
            for request in self._queue.close():
                _fail(request, Unavailable("generation has ended; the service's log says why"))

    def _generate(self) -> None:
        leave_half_the_cores()
        while batch := self._queue.take():
            started = time.perf_counter()
            self._serve(batch)
            rate = BATCH / (time.perf_counter() - started)
            self._rate = RATE_MEMORY * self._rate + (1 - RATE_MEMORY) * rate

    def _serve(self, batch: list[Slice]) -> None:
        samples = [one for part in batch for one in part.request.samples[part.start : part.stop]]
        try:
            pixels = batch[0].request.renderer.render(samples)
        except Exception as error:  # the thread outlives any generator's failure
            log.error("generation_failed", exc_info=error)
            for one in batch:
                one.request.abandoned = True
                _fail(one.request, error)
            return
        first = 0
        for one in batch:
            count = one.stop - one.start
            one.request.pixels[one.start : one.stop] = pixels[first : first + count]
            first += count
            if one.stop == len(one.request.samples):
                _answer(one.request)


def _answer(request: Request) -> None:
    if request.result.set_running_or_notify_cancel():
        request.result.set_result(request.pixels)


def _fail(request: Request, error: Exception) -> None:
    if request.result.set_running_or_notify_cancel():
        request.result.set_exception(error)
