"""A check of the threads of the API's process, for its health."""

import asyncio
import time

from anyio import to_thread

CANARY_SECONDS = 1.0  # between two calls


class ThreadCanary:
    """Detects that all threads of the framework's pool are busy: it runs an empty call in the pool
    again and again, and times how long the call waits."""

    def __init__(self) -> None:
        self._called_at: float | None = None  # when the current call was made
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    @property
    def waiting_seconds(self) -> float:
        """How long the current call has waited for a thread."""
        return 0.0 if self._called_at is None else time.monotonic() - self._called_at

    async def _run(self) -> None:
        while True:
            self._called_at = time.monotonic()
            await to_thread.run_sync(_do_nothing)
            self._called_at = None
            await asyncio.sleep(CANARY_SECONDS)


def _do_nothing() -> None:
    pass
