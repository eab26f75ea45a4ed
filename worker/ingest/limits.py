"""The limits of an ingest: bytes unpacked from the upload, and memory for decoded images."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from worker.ingest.errors import IngestError


@dataclass(frozen=True)
class Limits:
    max_pixels: int  # of one image, before it is fitted
    max_images: int
    max_unpacked_bytes: int


@dataclass
class Flow:
    """The bytes that an ingest has read; bytes that it reads twice count twice."""

    bytes: int = 0


class Meter:
    """Counts the unpacked bytes of an upload, and raises IngestError beyond the limit.

    `tick` is called after every read; it may raise to stop the ingest.
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
                "(MOGGY_MAX_UNPACKED_BYTES): upload less, or raise it",
                {"kind": "unpacks_too_large", "max_bytes": self._limit},
            )
        self.tick()

    def fresh(self) -> "Meter":
        """A meter that starts at 0 with the same limit, for a second read of the upload."""
        return Meter(self._limit, self.tick, self.flow)


class ByteBudget:
    """A number of bytes that threads share. A thread that asks for more than the whole budget waits
    until no other thread holds any."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used = 0
        self._freed = threading.Condition()

    @contextmanager
    def take(self, size: int) -> Iterator[None]:
        """Hold `size` bytes within the context; wait until they are free, or none is in use."""
        with self._freed:
            self._freed.wait_for(lambda: self._used == 0 or self._used + size <= self._size)
            self._used += size
        try:
            yield
        finally:
            with self._freed:
                self._used -= size
                self._freed.notify_all()
