"""The queue of requests for samples, and the batches taken from it."""

import math
import threading
from asyncio import Future
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.serving.image_files import ImageFile
from models.onnx_generator import OnnxGenerator
from models.samples import Sample


@dataclass(eq=False)
class SampleRequest:
    """Samples to generate as pixels, or a single sample to make a `file` of.

    `result`: an (N, H, W, C) array that batches fill in, or the file once it is encoded. `taken`
    counts the samples that batches have taken, `generated` those whose pixels are in the result.
    """

    generator: OnnxGenerator
    samples: Sequence[Sample]
    answer: Future[Any]
    result: Any = None
    file: ImageFile | None = None
    taken: int = 0
    generated: int = 0
    abandoned: bool = False  # its result is no longer needed: the client left, or it failed

    @property
    def waiting(self) -> int:
        return len(self.samples) - self.taken


@dataclass(frozen=True)
class BatchPart:
    """The part of a request that is in one batch: its samples from `start` up to `stop`."""

    request: SampleRequest
    start: int
    stop: int


class SampleQueue:
    """Requests that take turns: a large request never blocks a small one.

    All samples of a batch have one generator. The limit counts samples, since a request may have
    one sample or a thousand. A batch has at most `batch_size` samples.
    """

    def __init__(self, limit: int, batch_size: int) -> None:
        self.limit = limit
        self._batch_size = batch_size
        self.samples = 0
        self._requests: deque[SampleRequest] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def offer(self, request: SampleRequest, *, beyond_the_limit: bool = False) -> bool:
        """Queue the request; False if the queue is full. An empty queue accepts any request."""
        with self._changed:
            full = self.samples and self.samples + request.waiting > self.limit
            if self._closed or (full and not beyond_the_limit):
                return False
            self._requests.append(request)
            self.samples += request.waiting
            # A large request is for several threads: waking one would use one core of all.
            self._changed.notify(math.ceil(request.waiting / self._batch_size))
            return True

    def withdraw(self, request: SampleRequest) -> None:
        """Abandon the request, and remove its samples that no batch has taken yet."""
        request.abandoned = True
        if not request.waiting:  # nearly always: nothing to remove
            return
        with self._changed:
            if request in self._requests:
                self._requests.remove(request)
                self.samples -= request.waiting

    def take(self) -> list[BatchPart]:
        """Wait for samples and return the next batch; empty once the queue is closed."""
        with self._changed:
            while not self._closed:
                batch = self._next_batch()
                if batch:
                    return batch
                self._changed.wait()
            return []

    def close(self) -> list[SampleRequest]:
        """End `take` and refuse every further offer; returns the requests still queued."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            remaining = list(self._requests)
            self._requests.clear()
            self.samples = 0
            return remaining

    def _next_batch(self) -> list[BatchPart]:
        """Fill a batch from the front; a request with samples left moves to the back."""
        batch: list[BatchPart] = []
        others: list[SampleRequest] = []
        room, generator = self._batch_size, None
        while self._requests and room:
            request = self._requests.popleft()
            generator = generator or (None if request.abandoned else request.generator)
            if request.abandoned:
                self.samples -= request.waiting
            elif request.generator is not generator:
                others.append(request)
            else:
                count = min(room, request.waiting)
                batch.append(BatchPart(request, request.taken, request.taken + count))
                request.taken += count
                self.samples -= count
                room -= count
        self._requests.extendleft(reversed(others))
        self._requests.extend(part.request for part in batch if part.request.waiting)
        return batch
