"""Messages of the API to the broker, sent by a thread of its own: no request waits for a broker."""

import threading
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from app.domain.events import Notifier
from app.domain.queue import wake

log = structlog.get_logger()

MOST_PENDING = 10_000
LAST_SECONDS = 2.0  # at the end, for what is still to be sent


class Courier:
    """Wakes workers and readers of events. A message that is lost only delays them.

    A message that is pending already is not sent twice: it names a queue or a job, no more.
    """

    def __init__(self, redis_url: str | None) -> None:
        self._notifier = Notifier(redis_url)
        self._pending: dict[tuple[str, str], Callable[[], None]] = {}  # in the order they came
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def wake(self, queue: str) -> None:
        """Tell the workers of `queue` that there may be work."""
        self._add(("queue", queue), partial(wake, queue))

    def notify(self, job_ids: Sequence[str]) -> None:
        """Tell the readers of these jobs that there are new events."""
        for job_id in job_ids:
            self._add(("job", job_id), partial(self._notifier.notify, [job_id]))

    def close(self) -> None:
        """Send what is pending, for a moment at most."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(LAST_SECONDS)
        self._notifier.close()

    def _add(self, key: tuple[str, str], send: Callable[[], None]) -> None:
        with self._changed:
            if len(self._pending) < MOST_PENDING:
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
            except Exception as error:  # noqa: BLE001  # a lost message is only a late start
                log.warning("message_lost", to=key, error=str(error))
