"""Generation for the API: a queue of samples, and a thread per core that renders its batches."""

import asyncio
import math
import os
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import numpy as np
import structlog
from anyio import CapacityLimiter, to_thread

from app.domain.errors import QueueFull, Unavailable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.serving.checkpoints import CachedGenerator, CheckpointLookup, GeneratorCache
from app.serving.generation_messages import Failure, FileEncoding, Unreadable
from app.serving.generation_process import (
    GenerationFailed,
    RemoteRenderer,
    generation_process,
)
from app.serving.passports import Passports
from app.serving.sample_queue import BatchPart, SampleQueue, SampleRequest
from models.resources import usable_cores
from models.samples import RENDER_BATCH, Pixels, Sample

log = structlog.get_logger()

INITIAL_RATE = 500.0  # images per second, until measured
# The queue holds as many images as are generated in this time, within the limits below. A longer
# queue would also delay the requests that arrive after a rush.
QUEUE_SECONDS = 2.0
MIN_QUEUE_IMAGES = 1024
# The limits of the slices in which a long response is generated: pictures, and bytes of pixels.
SLICE_IMAGES = 256
SLICE_BYTES = 4 * 1024**2
CLOSE_SECONDS = 5.0
RATE_SMOOTHING = 0.9  # the weight of the previous rate when a batch is measured


class Engine:
    """Generates the pixels of samples; their bytes do not depend on other requests.

    A single request runs at once. Requests that arrive while every thread runs a forward pass share
    the next one. `threads`, here and in the generation process, defaults to the number of cores: a
    second core hardly speeds up a batch of 8, while a second batch in parallel nearly doubles the
    rate.
    """

    def __init__(self, settings: Settings, store: ObjectStore, threads: int | None = None) -> None:
        # OpenMP reads the variable when torch is imported, here and in the generation process. By
        # default waiting threads spin and take cores from working ones: a forward pass of 2 threads
        # took 200 instead of 4.5 ms.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        self.checkpoints = CheckpointLookup()
        self.passports = Passports(store, settings.generation_queue_images)
        threads = threads or usable_cores()
        process = generation_process(threads)
        self.generators = GeneratorCache(store, settings.model_memory_bytes, process)
        self._max_queue_images = settings.generation_queue_images
        self._max_pending_bytes = settings.generation_queue_bytes
        # Bytes of pixels of all requests that wait. Changed only in the event loop.
        self._pending_bytes = 0
        self._queue = SampleQueue(min(self._max_queue_images, MIN_QUEUE_IMAGES))
        self._loading: dict[str, asyncio.Future[CachedGenerator]] = {}
        self._loader = CapacityLimiter(1)
        self._rate = INITIAL_RATE
        self._closed = False
        self._counting = threading.Lock()  # guards SampleRequest.rendered
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), name="generation", daemon=True)
            for lane in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def generate(
        self, checkpoint: GeneratorCheckpoint, samples: Sequence[Sample], *, admitted: bool = False
    ) -> Pixels:
        """(N, H, W, C) uint8, one picture per sample, N ≥ 1. With `admitted` the samples are queued
        even if the queue is full.

        Cancellation, as when a client leaves, removes the samples that are still queued.
        Raises QueueFull, BrokenCheckpoint, GenerationFailed, Unavailable.
        """
        pixels = np.empty((len(samples), *checkpoint.shape), np.uint8)
        await self._render(checkpoint, samples, admitted, result=pixels)
        return pixels

    async def file(
        self, checkpoint: GeneratorCheckpoint, sample: Sample, image_format: str, recipe: str
    ) -> bytes:
        """The file of one picture, encoded in the generation process, for formats whose encoding
        takes no longer than the generation. Cancelled and refused like `generate`."""
        file: bytes = await self._render(
            checkpoint, [sample], file=FileEncoding(image_format, recipe)
        )
        return file

    async def _render(
        self,
        checkpoint: GeneratorCheckpoint,
        samples: Sequence[Sample],
        admitted: bool = False,
        result: Pixels | None = None,
        file: FileEncoding | None = None,
    ) -> Any:
        while True:
            cached = await self.load(checkpoint)
            size = len(samples) * math.prod(checkpoint.shape)
            self._reserve_bytes(size, admitted)
            try:
                return await self._enqueue(cached.renderer, samples, admitted, result, file)
            except Unreadable:
                # A restarted generation process could not read the file. Loading it again raises
                # the error that describes the problem.
                self.generators.discard(cached)
            finally:
                self._pending_bytes -= size

    def _reserve_bytes(self, size: int, admitted: bool) -> None:
        """Count pixels as pending. A single request always fits. Raises QueueFull."""
        pending = self._pending_bytes
        if pending and pending + size > self._max_pending_bytes and not admitted:
            raise QueueFull(
                f"{pending} bytes of pixels wait to be generated and {size} more would pass "
                f"the limit of {self._max_pending_bytes} (MOGGY_GENERATION_QUEUE_BYTES)",
                retry_after=max(1, self.seconds_to_wait()),
            )
        self._pending_bytes += size

    async def _enqueue(
        self,
        renderer: RemoteRenderer,
        samples: Sequence[Sample],
        admitted: bool,
        result: Pixels | None,
        file: FileEncoding | None,
    ) -> Any:
        answer = asyncio.get_running_loop().create_future()
        request = SampleRequest(renderer, samples, answer, result, file)
        if not self._queue.offer(request, beyond_the_limit=admitted):
            raise self._refusal(len(samples))
        try:
            return await answer
        finally:
            self._queue.withdraw(request)
            # The frame of an error raised here would otherwise reference the error itself, and
            # keep the request in memory.
            del request, answer

    async def slices(
        self, checkpoint: GeneratorCheckpoint, samples: Sequence[Sample]
    ) -> AsyncGenerator[Pixels]:
        """Like `generate`, in slices of at most SLICE_IMAGES pictures and SLICE_BYTES.

        The next slice is generated while the caller uses the current one; no more than two slices
        are queued or in memory at a time. QueueFull is raised only before the first slice.
        """
        size = min(SLICE_IMAGES, max(RENDER_BATCH, SLICE_BYTES // math.prod(checkpoint.shape)))
        parts = [samples[first : first + size] for first in range(0, len(samples), size)]
        next_slice = asyncio.ensure_future(self.generate(checkpoint, parts[0]))
        try:
            for part in parts[1:]:
                pixels = await next_slice
                next_slice = asyncio.ensure_future(self.generate(checkpoint, part, admitted=True))
                yield pixels
            yield await next_slice
        finally:
            next_slice.cancel()

    def has_loaded(self, checkpoint: GeneratorCheckpoint) -> bool:
        """Whether the generator is in memory."""
        return self.generators.find(checkpoint) is not None

    async def load(self, checkpoint: GeneratorCheckpoint) -> CachedGenerator:
        """The generator. It is loaded only once if several requests wait for it.

        Raises BrokenCheckpoint, GenerationFailed, Unavailable.
        """
        cached = self.generators.find(checkpoint)
        if cached is not None:
            return cached
        loading = self._loading.get(checkpoint.id)
        if loading is None:
            # One at a time: a generator's memory is only known once it is loaded.
            load = to_thread.run_sync(self.generators.load, checkpoint, limiter=self._loader)
            loading = self._loading[checkpoint.id] = asyncio.ensure_future(load)
            loading.add_done_callback(lambda _: self._loading.pop(checkpoint.id))
        # Shielded: a request that is cancelled must not cancel the loading for the others.
        return await asyncio.shield(loading)

    def seconds_to_wait(self) -> int:
        """Whole seconds until the queued samples are generated, at the last measured rate."""
        return math.ceil(self._queue.samples / self._rate)

    def close(self) -> None:
        """Finish the current batches, refuse queued requests, and end the threads.

        Batches and passports that take longer than CLOSE_SECONDS are abandoned: the process has to
        end before it is killed.
        """
        deadline = time.monotonic() + CLOSE_SECONDS
        self._closed = True
        refused = self._queue.close()
        self.passports.close(CLOSE_SECONDS)
        self.checkpoints.close()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        _set_results([(request, Unavailable("the service is stopping")) for request in refused])

    def _refusal(self, images: int) -> Unavailable:
        if self._closed:
            return Unavailable("the service is stopping")
        return QueueFull(
            f"{self._queue.samples} images wait to be generated and {images} more would pass the "
            f"limit of {self._queue.limit} (the images generated in {QUEUE_SECONDS:g} s, at "
            "most MOGGY_GENERATION_QUEUE_IMAGES)",
            retry_after=self.seconds_to_wait(),
        )

    def _run(self, lane: int) -> None:
        try:
            while self._serve_next(lane):
                pass
        except Exception as error:  # otherwise requests would wait for ever
            log.error("generation_ended", exc_info=error)
            self._closed = True
            ended = Unavailable("generation has ended; the service's log says why")
            _set_results([(request, ended) for request in self._queue.close()])

    def _serve_next(self, lane: int) -> bool:
        """Render a batch; False once the queue is closed. Its own function, so that no batch is
        referenced, and kept in memory, while the thread waits for the next."""
        batch = self._queue.take()
        if not batch:
            return False
        started = time.perf_counter()
        try:
            results = self._render_batch(batch, lane)
        except Exception as error:  # a failing generator must not end the thread
            log.error("generation_failed", exc_info=error)
            for part in batch:
                part.request.abandoned = True
            # Without its traceback, which would keep this batch in memory.
            results = [(part.request, error.with_traceback(None)) for part in batch]
        _set_results(results)
        self._note_rate(len(self._threads) * RENDER_BATCH / (time.perf_counter() - started))
        return True

    def _render_batch(self, batch: list[BatchPart], lane: int) -> list[tuple[SampleRequest, Any]]:
        """The results of the requests that this batch completes."""
        samples: list[Sample] = []
        files: list[FileEncoding | None] = []
        for part in batch:
            samples += part.request.samples[part.start : part.stop]
            files += [part.request.file] * (part.stop - part.start)
        rendered = iter(batch[0].request.renderer.render(samples, files, lane))
        for part in batch:
            pictures = list(islice(rendered, part.stop - part.start))
            if part.request.file:
                (part.request.result,) = pictures
            else:
                part.request.result[part.start : part.stop] = pictures
        return [(request, request.result) for request in self._completed(batch)]

    def _completed(self, batch: list[BatchPart]) -> list[SampleRequest]:
        """The requests whose last samples are in this batch; other threads may render their
        earlier ones."""
        completed = []
        with self._counting:
            for part in batch:
                part.request.rendered += part.stop - part.start
                if (
                    part.request.rendered == len(part.request.samples)
                    and not part.request.abandoned
                ):
                    completed.append(part.request)
        return completed

    def _note_rate(self, rate: float) -> None:
        self._rate = RATE_SMOOTHING * self._rate + (1 - RATE_SMOOTHING) * rate
        limit = max(MIN_QUEUE_IMAGES, int(QUEUE_SECONDS * self._rate))
        self._queue.limit = min(self._max_queue_images, limit)


def _set_results(results: list[tuple[SampleRequest, Any]]) -> None:
    """Set the result, or the error, of each request in its event loop, with one call per loop:
    waking a loop costs more than setting a result."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[SampleRequest, Any]]] = {}
    for request, result in results:
        by_loop.setdefault(request.answer.get_loop(), []).append((request, result))
    for loop, of_loop in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: no request waits in it
            loop.call_soon_threadsafe(_set_results_in_loop, of_loop)


def _set_results_in_loop(results: list[tuple[SampleRequest, Any]]) -> None:
    for request, result in results:
        if request.answer.done():  # the client has left, or another part of the request has failed
            continue
        if isinstance(result, Failure):
            request.answer.set_exception(GenerationFailed(*result))
        elif isinstance(result, Exception):
            request.answer.set_exception(result)
        else:
            request.answer.set_result(result)
