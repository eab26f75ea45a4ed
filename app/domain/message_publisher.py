"""Publishes the API's messages to the broker in a separate thread, so that no request waits."""

import threading
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from app.domain.events import Notifier
from app.domain.queue import wake

log = structlog.get_logger()

MAX_PENDING = 10_000
CLOSE_SECONDS = 2.0  # at shutdown, to send the pending messages


class MessagePublisher:
    """Wakes workers, and readers of events. A lost message only delays them.

    A message that is already pending is not added again: it holds only the name of a queue or job.
    """

    def __init__(self, redis_url: str | None) -> None:
        self._notifier = Notifier(redis_url)
        self._pending: dict[tuple[str, str], Callable[[], None]] = {}  # oldest first
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="message publisher", daemon=True)
        self._thread.start()

    def wake(self, queue: str) -> None:
        """Notify the workers of `queue` that there may be work."""
        self._add(("queue", queue), partial(wake, queue))

    def notify(self, job_ids: Sequence[str]) -> None:
        """Notify the readers of these jobs' events that there are new ones."""
        for job_id in job_ids:
            self._add(("job", job_id), partial(self._notifier.notify, [job_id]))

    def close(self) -> None:
        """Send the pending messages, within CLOSE_SECONDS."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(CLOSE_SECONDS)
        self._notifier.close()

    def _add(self, key: tuple[str, str], send: Callable[[], None]) -> None:
        with self._changed:
            if len(self._pending) < MAX_PENDING:
                self._pending.setdefault(key, send)
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._pending and not self._closed:
                    self._changed.wait()
                if not self._pending:
                    return
                key = next(iter(self._pending))
                send = self._pending.pop(key)
            try:
                send()
            except Exception as error:  # noqa: BLE001  # a lost message only delays a start
                log.warning("message_lost", to=key, error=str(error))
