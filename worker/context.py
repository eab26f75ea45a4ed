"""The settings, connections and state that all parts of a worker process share."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.domain.database import Database, is_unavailable
from app.domain.disk import Disk, is_disk_full
from app.domain.events import Notifier
from app.domain.queue import CONCURRENT_JOBS
from app.domain.settings import WorkerSettings
from app.domain.store import ObjectStore

log = structlog.get_logger()

DATABASE_RETRY_SECONDS = 1.0
REAPER_ROUND_SECONDS = 120.0  # the longest round of the reaper, longer than any database timeout
WORKER_CONNECTIONS = 4  # to the database: its threads write briefly, and rarely at the same time

T = TypeVar("T")


@dataclass
class WorkerContext:
    """One per worker process; `stopping` is set when the process is asked to stop."""

    settings: WorkerSettings
    database: Database
    store: ObjectStore
    notifier: Notifier
    disk: Disk
    stopping: threading.Event = field(default_factory=threading.Event)
    slots: dict[str, threading.BoundedSemaphore] = field(  # of each queue: one per concurrent job
        default_factory=lambda: {
            queue: threading.BoundedSemaphore(count) for queue, count in CONCURRENT_JOBS.items()
        }
    )
    reaped_at: float = field(default_factory=time.monotonic)  # the end of the reaper's last round

    @classmethod
    def from_settings(cls, settings: WorkerSettings) -> "WorkerContext":
        return cls(
            settings=settings,
            database=Database(
                settings.database, min(settings.database_connections, WORKER_CONNECTIONS)
            ),
            store=ObjectStore(settings),
            notifier=Notifier(settings.redis_url),
            disk=Disk(settings),
        )

    def write(self, action: Callable[[Session], T]) -> T:
        """Run `action` in a transaction; retry for one lease while the database is unavailable.

        The restart of a database must not end a healthy training. The error of a full disk is
        raised at once, so that the job is parked.
        """
        give_up = self._give_up_at()
        while True:
            try:
                with self.database.write() as session:
                    return action(session)
            except SQLAlchemyError as error:
                self._wait_after(error, give_up)

    def settle(self, action: Callable[[Session], T]) -> T:
        """Like `write`, for the final state of a job, which must be stored even on a full disk.

        Release the disk reserve; if that is not enough, wait for space until this worker stops.
        """
        while True:
            try:
                return self.write(action)
            except SQLAlchemyError as error:
                if not is_disk_full(error) or self.stopping.is_set():
                    raise
                log.warning("database_full", error=str(error))
            if not self.disk.release_reserve():
                self.stopping.wait(DATABASE_RETRY_SECONDS)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session for reading; wait for an unavailable database as `write` does."""
        give_up = self._give_up_at()
        while True:
            with self.database.read() as session:
                try:
                    session.connection()
                except SQLAlchemyError as error:
                    self._wait_after(error, give_up)
                    continue
                yield session
                return

    def touch_heartbeat_file(self) -> None:
        """Touch the file whose age a health check reads, unless the reaper hangs."""
        if time.monotonic() - self.reaped_at > REAPER_ROUND_SECONDS + self.settings.reap_seconds:
            log.error("reaper_hangs")
        elif self.settings.heartbeat_file is not None:
            self.settings.heartbeat_file.touch()

    def _give_up_at(self) -> float:
        return time.monotonic() + self.settings.lease_seconds

    def _wait_after(self, error: SQLAlchemyError, give_up: float) -> None:
        """Wait before a retry, or raise the error if a retry cannot help or comes too late."""
        if not is_unavailable(error) or time.monotonic() > give_up:
            raise error
        log.warning("database_unavailable", error=str(getattr(error, "orig", None) or error))
        time.sleep(DATABASE_RETRY_SECONDS)
