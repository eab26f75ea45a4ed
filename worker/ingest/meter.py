"""Counts what comes out of an upload, and ends what would never end."""

from collections.abc import Callable
from dataclasses import dataclass

from worker.ingest.errors import IngestError


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
