"""What the API sets for the whole of its process."""

import asyncio
import functools
import gc
import resource
import time
from contextlib import suppress

from anyio import to_thread

OPEN_FILES = 65_536
CANARY_SECONDS = 1.0  # between two calls


@functools.cache  # once for the process: what is frozen twice is never freed
def collect_seldom() -> None:
    """Spare requests Python's search for garbage among all that was ever imported: at 32
    connections it took a tenth of the processor, and stopped the slowest requests for 100 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 1000)


def open_many_connections() -> None:
    """Raise the soft limit of open files, often 1,024, beyond which nobody is answered at all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(OPEN_FILES, hard) if hard >= 0 else OPEN_FILES  # unlimited is below 0
    if 0 <= soft < wanted:
        with suppress(ValueError, OSError):  # a system may allow less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class ThreadCanary:
    """Makes a trivial call through the framework's threads again and again, to see that one of
    them becomes free."""

    def __init__(self) -> None:
        self._asked: float | None = None  # when the call that is under way was made
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    @property
    def silent_seconds(self) -> float:
        """For how long the call under way has waited for a thread."""
        return 0.0 if self._asked is None else time.monotonic() - self._asked

    async def _run(self) -> None:
        while True:
            self._asked = time.monotonic()
            await to_thread.run_sync(_answer)
            self._asked = None
            await asyncio.sleep(CANARY_SECONDS)


def _answer() -> None:
    pass
