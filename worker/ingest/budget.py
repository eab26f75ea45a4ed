"""Bounds the memory of all pictures that are decoded at the same time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


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
