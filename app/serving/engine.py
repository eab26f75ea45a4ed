"""Generation for the API: a queue of samples, and a thread per core that generates its batches."""

import asyncio
import math
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import structlog
from anyio import CapacityLimiter, to_thread
from numpy.typing import NDArray

from app.domain.errors import QueueFull, Unavailable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.serving.checkpoints import CachedGenerator, CheckpointLookup, GeneratorCache
from app.serving.embedding_thread import EmbeddingThread
from app.serving.image_files import ImageFile
from app.serving.passports import Passports
from app.serving.sample_queue import BatchPart, SampleQueue, SampleRequest
from models.feature_maps import LayeredGenerator, LayerMaps, Maps
from models.onnx_generator import OnnxGenerator, uses_gpu
from models.resources import usable_cores
from models.samples import Pixels, Sample

log = structlog.get_logger()

# The most samples that share a call of the runtime. On a CPU the runtime takes as long for an image
# in every batch, but the threads and the event loop exchange Python's lock less often: at 32
# connections, in turns, single images were served at 690/s with 1, 970 with 4, 1,055 with 8; 16
# gained nothing beyond the noise.
CPU_BATCH, GPU_BATCH = 8, 64
INITIAL_RATE = 500.0  # images per second, until measured
# The queue holds as many images as are generated in this time, within the limits below. A longer
# queue would also delay the requests that arrive after a rush.
QUEUE_SECONDS = 2.0
MIN_QUEUE_IMAGES = 1024
# The limits of the slices in which a long response is generated: pictures, and bytes of pixels.
SLICE_IMAGES = 256
SLICE_BYTES = 4 * 1024**2
CLOSE_SECONDS = 5.0
MAX_WAITING_MAPS = 100  # requests for feature maps
RATE_SMOOTHING = 0.9  # the weight of the previous rate when a batch is measured


class Engine:
    """Generates the pixels of samples; their bytes do not depend on other requests.

    A single request runs at once and alone. Requests that arrive while every thread is busy share
    the next call. `threads` defaults to the number of cores: each thread computes on one core, and
    the runtime holds no lock of Python's meanwhile.
    """

    def __init__(self, settings: Settings, store: ObjectStore, threads: int | None = None) -> None:
        self.checkpoints = CheckpointLookup()
        self.embedding_thread = EmbeddingThread(store)
        self.passports = Passports(self.embedding_thread, settings.generation_queue_images)
        threads = threads or usable_cores()
        self.generators = GeneratorCache(store, settings.model_memory_bytes)
        self._max_queue_images = settings.generation_queue_images
        self._max_pending_bytes = settings.generation_queue_bytes
        # Bytes of pixels of all requests that wait. Changed only in the event loop.
        self._pending_bytes = 0
        self._queue = SampleQueue(
            min(self._max_queue_images, MIN_QUEUE_IMAGES),
            batch_size=GPU_BATCH if uses_gpu() else CPU_BATCH,
        )
        self._loading: dict[str, asyncio.Future[CachedGenerator]] = {}
        self._loader = CapacityLimiter(1)
        self._mapper = CapacityLimiter(1)  # its own: feature maps must not delay a generator
        self._rate = INITIAL_RATE
        self._closed = False
        self._counting = threading.Lock()  # guards SampleRequest.generated
        self._threads = [
            threading.Thread(target=self._run, name="generation", daemon=True)
            for _ in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def generate(
        self, checkpoint: GeneratorCheckpoint, samples: Sequence[Sample], *, admitted: bool = False
    ) -> Pixels:
        """(N, H, W, C) uint8, one picture per sample, N ≥ 1. With `admitted` the samples are queued
        even if the queue is full.

        Cancellation, as when a client leaves, removes the samples that are still queued.
        Raises QueueFull, BrokenCheckpoint, Unavailable.
        """
        pixels = np.empty((len(samples), *checkpoint.shape), np.uint8)
        await self._answer(checkpoint, samples, admitted, result=pixels)
        return pixels

    async def file(self, file: ImageFile) -> bytes:
        """The bytes of the file. Cancelled and refused like `generate`.

        The thread that generates the image also encodes it, unless encoding takes longer: then
        other requests would wait for it.
        """
        if file.is_quick:
            data: bytes = await self._answer(file.checkpoint, [file.sample], file=file)
            return data
        (pixels,) = await self.generate(file.checkpoint, [file.sample])
        return await to_thread.run_sync(file.encode, pixels)

    async def _answer(
        self,
        checkpoint: GeneratorCheckpoint,
        samples: Sequence[Sample],
        admitted: bool = False,
        result: Pixels | None = None,
        file: ImageFile | None = None,
    ) -> Any:
        cached = await self.load(checkpoint)
        size = len(samples) * math.prod(checkpoint.shape)
        self._reserve_bytes(size, admitted)
        try:
            return await self._enqueue(cached.generator, samples, admitted, result, file)
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
        generator: OnnxGenerator,
        samples: Sequence[Sample],
        admitted: bool,
        result: Pixels | None,
        file: ImageFile | None,
    ) -> Any:
        answer = asyncio.get_running_loop().create_future()
        request = SampleRequest(generator, samples, answer, result, file)
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
        size = min(SLICE_IMAGES, max(CPU_BATCH, SLICE_BYTES // math.prod(checkpoint.shape)))
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

        Raises BrokenCheckpoint.
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

    async def layers(self, checkpoint: GeneratorCheckpoint) -> list[LayerMaps]:
        """The layers of the generator, with the shapes of their maps. Raises BrokenCheckpoint."""
        return (await self._layered(await self.load(checkpoint))).layers

    async def feature_maps(
        self,
        checkpoint: GeneratorCheckpoint,
        sample: Sample,
        layer: int,
        encode: Callable[[Maps], bytes],
    ) -> bytes:
        """The file that `encode` makes of what a layer computes for the image of a sample.

        One at a time, because the maps of a wide layer have hundreds of megabytes. Raises
        QueueFull, BrokenCheckpoint.
        """
        waiting = self._mapper.statistics().tasks_waiting
        if waiting >= MAX_WAITING_MAPS:
            raise QueueFull(
                f"{waiting} requests for feature maps wait, and no more are accepted: retry later",
                retry_after=1,
            )
        cached = await self.load(checkpoint)
        layered = await self._layered(cached)
        inputs = cached.generator.inputs_of(sample)
        return await to_thread.run_sync(
            lambda: encode(layered.maps(layer, inputs)), limiter=self._mapper
        )

    async def _layered(self, cached: CachedGenerator) -> LayeredGenerator:
        return await to_thread.run_sync(self.generators.layered, cached, limiter=self._loader)

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
        self.embedding_thread.close(CLOSE_SECONDS)
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

    def _run(self) -> None:
        try:
            while self._serve_next():
                pass
        except Exception as error:  # otherwise requests would wait for ever
            log.error("generation_ended", exc_info=error)
            self._closed = True
            ended = Unavailable("generation has ended; the service's log says why")
            _set_results([(request, ended) for request in self._queue.close()])

    def _serve_next(self) -> bool:
        """Generate a batch; False once the queue is closed. Its own function, so that no batch is
        referenced, and kept in memory, while the thread waits for the next."""
        batch = self._queue.take()
        if not batch:
            return False
        started = time.perf_counter()
        try:
            results = self._generate_batch(batch)
        except Exception as error:  # a failing generator must not end the thread
            log.error("generation_failed", exc_info=error)
            for part in batch:
                part.request.abandoned = True
            # Without its traceback, which would keep this batch in memory.
            results = [(part.request, error.with_traceback(None)) for part in batch]
        _set_results(results)
        images = sum(part.stop - part.start for part in batch)
        self._note_rate(len(self._threads) * images / (time.perf_counter() - started))
        return True

    def _generate_batch(self, batch: list[BatchPart]) -> list[tuple[SampleRequest, Any]]:
        """The results, or errors, of the requests that this batch completes."""
        samples = [
            sample for part in batch for sample in part.request.samples[part.start : part.stop]
        ]
        pixels = batch[0].request.generator.render(samples)
        first = 0
        for part in batch:
            end = first + part.stop - part.start
            if part.request.file:
                part.request.result = _encode(pixels[first], part.request.file)
            else:
                part.request.result[part.start : part.stop] = pixels[first:end]
            first = end
        return [(request, request.result) for request in self._completed(batch)]

    def _completed(self, batch: list[BatchPart]) -> list[SampleRequest]:
        """The requests whose last samples are in this batch; other threads may generate
        their earlier ones."""
        completed = []
        with self._counting:
            for part in batch:
                request = part.request
                request.generated += part.stop - part.start
                if request.generated == len(request.samples) and not request.abandoned:
                    completed.append(request)
        return completed

    def _note_rate(self, rate: float) -> None:
        self._rate = RATE_SMOOTHING * self._rate + (1 - RATE_SMOOTHING) * rate
        limit = max(MIN_QUEUE_IMAGES, int(QUEUE_SECONDS * self._rate))
        self._queue.limit = min(self._max_queue_images, limit)


def _encode(pixels: NDArray[np.uint8], file: ImageFile) -> bytes | Exception:
    """The file of an image, or the error that belongs to its request alone."""
    try:
        return file.encode(pixels)
    except Exception as error:  # noqa: BLE001  # raised in the request
        return error


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
        if isinstance(result, Exception):
            request.answer.set_exception(result)
        else:
            request.answer.set_result(result)
