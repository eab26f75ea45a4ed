"""What a process says of its work: its events, and how far the making of many pictures is."""

import time
from typing import Protocol

PROGRESS_SECONDS = 1.0


class Events(Protocol):
    """Where events go."""

    def emit(self, event: str, **values: object) -> None: ...


class Reporter:
    """Says it as events `progress`: at the start, every second, and at the end.

    `before` counts what was made before this process began, in which its rate has no part.
    """

    def __init__(self, events: Events, total: int, before: int = 0) -> None:
        self._events = events
        self._total = total
        self._before = before
        self._began = self._said = float("-inf")

    def progress(self, made: int) -> None:
        now = time.monotonic()
        if made == self._before:
            self._began = now
        if now - self._said < PROGRESS_SECONDS and made < self._total:
            return
        self._said = now
        rate = (made - self._before) / (now - self._began) if made > self._before else None
        self._events.emit(
            "progress",
            images_seen=made,
            images_total=self._total,
            images_per_second=rate,
            eta_seconds=(self._total - made) / rate if rate else None,
        )
