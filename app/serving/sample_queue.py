"""Waiting requests, and the batches that are made of them."""

import threading
from asyncio import Future
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.serving.generation_messages import File
from app.serving.generation_process import RemoteRenderer
from models.samples import RENDER_BATCH, Sample


@dataclass(eq=False)
class Request:
    """Samples that wait for their pixels, or a single one for a `file` of its picture.

    `result`: (N, H, W, C) pixels to be filled in, or the file once it is made. `given` counts those
    that a batch has taken, `made` those that are in the result.
    """

    renderer: RemoteRenderer
    samples: Sequence[Sample]
    answer: Future[Any]
    result: Any = None
    file: File | None = None
    given: int = 0
    made: int = 0
    abandoned: bool = False  # nobody waits any more: a client left

    @property
    def waiting(self) -> int:
        return len(self.samples) - self.given


@dataclass(frozen=True)
class Slice:
    """The samples `start` to `stop` of a request."""

    request: Request
    start: int
    stop: int


class SampleQueue:
    """Requests in turns: each batch is of one generator, and a large request never bars a small.

    Bounded by samples, since a request may ask for one image or for a thousand.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.samples = 0
        self._requests: deque[Request] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def offer(self, request: Request, *, beyond_the_limit: bool = False) -> bool:
        """Queue the request; False when it does not fit. Alone it always fits."""
        with self._changed:
            full = self.samples and self.samples + request.waiting > self.limit
            if self._closed or (full and not beyond_the_limit):
                return False
            self._requests.append(request)
            self.samples += request.waiting
            self._changed.notify()
            return True

    def withdraw(self, request: Request) -> None:
        """Nobody waits for it any more: what no batch has taken of it makes room for others."""
        request.abandoned = True
        if not request.waiting:  # as nearly always: nothing is to be looked for
            return
        with self._changed:
            if request in self._requests:
                self._requests.remove(request)
                self.samples -= request.waiting

    def take(self) -> list[Slice]:
        """The next batch, as soon as anything waits; empty once the queue is closed."""
        with self._changed:
            while not self._closed:
                batch = self._next_batch()
                if batch:
                    return batch
                self._changed.wait()
            return []

    def close(self) -> list[Request]:
        """End `take` and refuse every offer; the requests that are left unanswered."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            left = list(self._requests)
            self._requests.clear()
            self.samples = 0
            return left

    def _next_batch(self) -> list[Slice]:
        """Fill a batch from the front; who is not served whole goes to the back."""
        batch: list[Slice] = []
        others: list[Request] = []
        room, renderer = RENDER_BATCH, None
        while self._requests and room:
            request = self._requests.popleft()
            renderer = renderer or (None if request.abandoned else request.renderer)
            if request.abandoned:
                self.samples -= request.waiting
            elif request.renderer is not renderer:
                others.append(request)
            else:
                count = min(room, request.waiting)
                batch.append(Slice(request, request.given, request.given + count))
                request.given += count
                self.samples -= count
                room -= count
        self._requests.extendleft(reversed(others))
        self._requests.extend(one.request for one in batch if one.request.waiting)
        return batch
