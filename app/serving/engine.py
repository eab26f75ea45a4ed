"""Generation for the API: queued latents are made into pictures, in a batch for each core."""

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
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.serving.checkpoints import CachedGenerator, CheckpointLookup, GeneratorCache
from app.serving.generation_messages import Failure, File, Unreadable
from app.serving.generation_process import (
    GenerationFailed,
    RemoteRenderer,
    generation_process,
)
from app.serving.passports import Passports
from app.serving.sample_queue import Request, SampleQueue, Slice
from models.resources import usable_cores
from models.samples import RENDER_BATCH, Pixels, Sample

log = structlog.get_logger()

FIRST_GUESS_RATE = 500.0  # images per second, until measured
# As many may wait as are made in so long, within what the settings allow: what waits longer keeps
# those who come after a rush waiting too.
QUEUE_SECONDS = 2.0
LEAST_QUEUE = 1024  # images
SLICE_IMAGES = 256  # pictures of a long answer that are made at once, or fewer:
SLICE_BYTES = 4 * 1024**2  # of pixels
CLOSE_SECONDS = 5.0
RATE_MEMORY = 0.9  # how much of the measured rate is kept at each batch


class Engine:
    """Pixels of any (checkpoint, latent, class), the same bytes whatever else is asked for.

    A lone request runs at once; what arrives while every thread is at a forward pass shares the
    next one. `threads`, here and in the process that generates, are by default as many as there are
    cores: a second core makes a batch of 8 hardly faster, and a second batch at the same time makes
    nearly twice as many.
    """

    def __init__(self, settings: Settings, store: ObjectStore, threads: int | None = None) -> None:
        # OpenMP reads it when torch is loaded, in this process and in the one that generates:
        # threads that spin while they wait take the cores from whoever has work. A 2-thread
        # forward pass went from 4.5 to 200 ms.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        self.checkpoints = CheckpointLookup()
        self.passports = Passports(store, settings.generation_queue_images)
        threads = threads or usable_cores()
        process = generation_process(threads)
        self.generators = GeneratorCache(store, settings.model_memory_bytes, process)
        self._most_waiting = settings.generation_queue_images
        self._most_held = settings.generation_queue_bytes
        self._held = 0  # bytes of the pixels of all requests that wait, counted in the event loop
        self._queue = SampleQueue(min(self._most_waiting, LEAST_QUEUE))
        self._loading: dict[str, asyncio.Future[CachedGenerator]] = {}
        self._loader = CapacityLimiter(1)
        self._rate = FIRST_GUESS_RATE
        self._closed = False
        self._counting = threading.Lock()  # held to count what is made of a request
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), name="generation", daemon=True)
            for lane in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def generate(
        self, checkpoint: ServedCheckpoint, samples: Sequence[Sample], *, admitted: bool = False
    ) -> Pixels:
        """(N, H, W, C) uint8, one picture per sample, N ≥ 1. What is `admitted` already is not
        refused for the queue's length.

        Cancelling it, as when a client leaves, takes what is still queued out of the queue.
        Raises QueueFull, BrokenCheckpoint, GenerationFailed, Unavailable.
        """
        pixels = np.empty((len(samples), *checkpoint.shape), np.uint8)
        await self._made(checkpoint, samples, admitted, result=pixels)
        return pixels

    async def file(
        self, checkpoint: ServedCheckpoint, sample: Sample, image_format: str, recipe: str
    ) -> bytes:
        """The file of one picture, encoded where it is generated: in a format that takes no longer
        than that. Cancelled and refused like `generate`."""
        file: bytes = await self._made(checkpoint, [sample], file=File(image_format, recipe))
        return file

    async def _made(
        self,
        checkpoint: ServedCheckpoint,
        samples: Sequence[Sample],
        admitted: bool = False,
        result: Pixels | None = None,
        file: File | None = None,
    ) -> Any:
        while True:
            loaded = await self.load(checkpoint)
            held = len(samples) * math.prod(checkpoint.shape)
            self._hold(held, admitted)
            try:
                return await self._answer_to(loaded.renderer, samples, admitted, result, file)
            except Unreadable:  # by a process that had to load it anew: loading says what it is
                self.generators.discard(loaded)
            finally:
                self._held -= held

    def _hold(self, pixels: int, admitted: bool) -> None:
        """Count so many bytes. Alone they always fit. Raises QueueFull."""
        if self._held and self._held + pixels > self._most_held and not admitted:
            raise QueueFull(
                f"{self._held} bytes of pixels wait to be generated and {pixels} more would pass "
                f"the limit of {self._most_held} (MOGGY_GENERATION_QUEUE_BYTES)",
                retry_after=max(1, self.seconds_to_wait()),
            )
        self._held += pixels

    async def _answer_to(
        self,
        renderer: RemoteRenderer,
        samples: Sequence[Sample],
        admitted: bool,
        result: Pixels | None,
        file: File | None,
    ) -> Any:
        answer = asyncio.get_running_loop().create_future()
        request = Request(renderer, samples, answer, result, file)
        if not self._queue.offer(request, beyond_the_limit=admitted):
            raise self._refusal(len(samples))
        try:
            return await answer
        finally:
            self._queue.withdraw(request)
            del request, answer  # else an error that is raised here keeps itself, and all of them

    async def slices(
        self, checkpoint: ServedCheckpoint, samples: Sequence[Sample]
    ) -> AsyncGenerator[Pixels]:
        """Like `generate`, in slices of at most SLICE_IMAGES pictures and SLICE_BYTES.

        The next slice is generated while the caller uses the current one; no more than two slices
        are queued or in memory at a time. QueueFull is raised only before the first slice.
        """
        size = min(SLICE_IMAGES, max(RENDER_BATCH, SLICE_BYTES // math.prod(checkpoint.shape)))
        parts = [samples[first : first + size] for first in range(0, len(samples), size)]
        coming = asyncio.ensure_future(self.generate(checkpoint, parts[0]))
        try:
            for part in parts[1:]:
                pixels = await coming
                coming = asyncio.ensure_future(self.generate(checkpoint, part, admitted=True))
                yield pixels
            yield await coming
        finally:
            coming.cancel()

    def has_loaded(self, checkpoint: ServedCheckpoint) -> bool:
        """Whether its pictures need nothing but to be generated."""
        return self.generators.find(checkpoint) is not None

    async def load(self, checkpoint: ServedCheckpoint) -> CachedGenerator:
        """Load a generator once, one after the other, however many requests wait for it.

        Raises BrokenCheckpoint, GenerationFailed, Unavailable.
        """
        loaded = self.generators.find(checkpoint)
        if loaded is not None:
            return loaded
        loading = self._loading.get(checkpoint.id)
        if loading is None:
            # One after the other: memory is only counted once a generator is there.
            load = to_thread.run_sync(self.generators.load, checkpoint, limiter=self._loader)
            loading = self._loading[checkpoint.id] = asyncio.ensure_future(load)
            loading.add_done_callback(lambda _: self._loading.pop(checkpoint.id))
        return await asyncio.shield(loading)  # who leaves does not end it for the others

    def seconds_to_wait(self) -> int:
        """Whole ones, until what is queued now is made, by the rate measured last."""
        return math.ceil(self._queue.samples / self._rate)

    def close(self) -> None:
        """Finish the batch at hand, refuse the rest, end the threads.

        A batch that takes longer than CLOSE_SECONDS is left behind: a service that stops has to
        end before it is killed.
        """
        self.passports.close()
        self.checkpoints.close()
        self._closed = True
        left = self._queue.close()
        give_up = time.monotonic() + CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, give_up - time.monotonic()))
        _answer([(request, Unavailable("the service is stopping")) for request in left])

    def _refusal(self, images: int) -> Unavailable:
        if self._closed:
            return Unavailable("the service is stopping")
        return QueueFull(
            f"{self._queue.samples} images wait to be generated and {images} more would pass the "
            f"limit of {self._queue.limit} (what is made in {QUEUE_SECONDS:g} s, and "
            "MOGGY_GENERATION_QUEUE_IMAGES)",
            retry_after=self.seconds_to_wait(),
        )

    def _run(self, lane: int) -> None:
        try:
            while self._serve_next(lane):
                pass
        except Exception as error:  # else whoever asks would wait for ever
            log.error("generation_ended", exc_info=error)
            self._closed = True
            ended = Unavailable("generation has ended; the service's log says why")
            _answer([(request, ended) for request in self._queue.close()])

    def _serve_next(self, lane: int) -> bool:
        """Whether there will be more. Nothing of a batch is kept while the next is waited for."""
        batch = self._queue.take()
        if not batch:
            return False
        started = time.perf_counter()
        try:
            answers = self._make(batch, lane)
        except Exception as error:  # the thread outlives any generator's failure
            log.error("generation_failed", exc_info=error)
            for one in batch:
                one.request.abandoned = True
            # Its traceback has this batch, which would be kept with it.
            answers = [(one.request, error.with_traceback(None)) for one in batch]
        _answer(answers)
        self._note_rate(len(self._threads) * RENDER_BATCH / (time.perf_counter() - started))
        return True

    def _make(self, batch: list[Slice], lane: int) -> list[tuple[Request, Any]]:
        """The answers that this batch completes."""
        samples: list[Sample] = []
        files: list[File | None] = []
        for one in batch:
            samples += one.request.samples[one.start : one.stop]
            files += [one.request.file] * (one.stop - one.start)
        made = iter(batch[0].request.renderer.render(samples, files, lane))
        for one in batch:
            pictures = list(islice(made, one.stop - one.start))
            if one.request.file:
                (one.request.result,) = pictures
            else:
                one.request.result[one.start : one.stop] = pictures
        return [(request, request.result) for request in self._finished(batch)]

    def _finished(self, batch: list[Slice]) -> list[Request]:
        """Those that this batch was the last of, wherever the others were made."""
        finished = []
        with self._counting:
            for one in batch:
                one.request.made += one.stop - one.start
                if one.request.made == len(one.request.samples) and not one.request.abandoned:
                    finished.append(one.request)
        return finished

    def _note_rate(self, rate: float) -> None:
        self._rate = RATE_MEMORY * self._rate + (1 - RATE_MEMORY) * rate
        worth_waiting = max(LEAST_QUEUE, int(QUEUE_SECONDS * self._rate))
        self._queue.limit = min(self._most_waiting, worth_waiting)


def _answer(answers: list[tuple[Request, Any]]) -> None:
    """Hand over answers, or the errors that are raised instead; one call for each event loop, as
    waking it costs more than an answer."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[Request, Any]]] = {}
    for request, answer in answers:
        loops.setdefault(request.answer.get_loop(), []).append((request, answer))
    for loop, its in loops.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(_hand_over, its)


def _hand_over(answers: list[tuple[Request, Any]]) -> None:
    for request, answer in answers:
        if request.answer.done():  # its client has left, or another part of it has failed
            continue
        if isinstance(answer, Failure):
            request.answer.set_exception(GenerationFailed(*answer))
        elif isinstance(answer, Exception):
            request.answer.set_exception(answer)
        else:
            request.answer.set_result(answer)
