"""What bounds an ingest: the bytes that an upload unpacks to, and the memory of decoded images."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from worker.ingest.errors import IngestError


@dataclass(frozen=True)
class Limits:
    max_pixels: int  # of one picture, before it is fitted
    max_images: int
    max_unpacked_bytes: int


@dataclass
class Flow:
    """All bytes that an ingest has read, those that it read twice counted twice."""

    bytes: int = 0


class Meter:
    """Every byte that is read of an upload, unpacked, passes here.

    `tick` is called with each: it may raise to stop the ingest, wherever that is.
    """

    def __init__(
        self, max_unpacked_bytes: int, tick: Callable[[], None], flow: Flow | None = None
    ) -> None:
        self.tick = tick
        self.flow = flow or Flow()
        self._limit = max_unpacked_bytes
        self._unpacked = 0

    def add(self, unpacked: int) -> None:
        self._unpacked += unpacked
        self.flow.bytes += unpacked
        if self._unpacked > self._limit:
            raise IngestError(
                f"the upload unpacks to more than {self._limit:,} bytes, the limit "
                "(MOGGY_MAX_UNPACKED_BYTES): upload less, or raise it"
            )
        self.tick()

    def fresh(self) -> "Meter":
        """Another that has counted nothing yet: for what is read twice."""
        return Meter(self._limit, self.tick, self.flow)


class ByteBudget:
    """Several threads share so many bytes; what needs more than all of them waits to be alone."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used = 0
        self._freed = threading.Condition()

    @contextmanager
    def take(self, size: int) -> Iterator[None]:
        """Wait until `size` bytes are free, or nothing is in use; they are used within."""
        with self._freed:
            self._freed.wait_for(lambda: self._used == 0 or self._used + size <= self._size)
            self._used += size
        try:
            yield
        finally:
            with self._freed:
                self._used -= size
                self._freed.notify_all()
