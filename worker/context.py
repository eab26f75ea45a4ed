"""What every part of a worker process shares."""

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

RETRY_SECONDS = 1.0
REAPER_SECONDS = 120.0  # that one round may take: longer than every wait for the database
WORKER_CONNECTIONS = 4  # to the database: its threads write briefly, and seldom at once

T = TypeVar("T")


@dataclass
class WorkerContext:
    """One per process: its settings, its connections, and whether it is asked to stop."""

    settings: WorkerSettings
    database: Database
    store: ObjectStore
    notifier: Notifier
    disk: Disk
    stopping: threading.Event = field(default_factory=threading.Event)
    slots: dict[str, threading.BoundedSemaphore] = field(  # of each queue: its jobs at a time
        default_factory=lambda: {
            queue: threading.BoundedSemaphore(count) for queue, count in CONCURRENT_JOBS.items()
        }
    )

    reaped_at: float = field(default_factory=time.monotonic)  # when the reaper last went round

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
        """Run `action` in a transaction; again while the database is away, as long as a lease.

        A database that restarts must not cost a healthy training its process. One without room
        raises at once: the job is then parked.
        """
        give_up = self._give_up_at()
        while True:
            try:
                with self.database.write() as session:
                    return action(session)
            except SQLAlchemyError as error:
                self._wait_after(error, give_up)

    def settle(self, action: Callable[[Session], T]) -> T:
        """As `write`, for how a job is left: on a full disk the reserve is used for it.

        Where that is not enough, it waits until there is room, or until this worker stops.
        """
        while True:
            try:
                return self.write(action)
            except SQLAlchemyError as error:
                if not is_disk_full(error) or self.stopping.is_set():
                    raise
                log.warning("database_full", error=str(error))
            if not self.disk.release_reserve():
                self.stopping.wait(RETRY_SECONDS)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session to read with, waiting for a database that is away as `write` does."""
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
        """Tell whoever looks at its age that this worker runs, unless the reaper hangs."""
        if time.monotonic() - self.reaped_at > REAPER_SECONDS + self.settings.reap_seconds:
            log.error("reaper_hangs")
        elif self.settings.heartbeat_file is not None:
            self.settings.heartbeat_file.touch()

    def _give_up_at(self) -> float:
        return time.monotonic() + self.settings.lease_seconds

    def _wait_after(self, error: SQLAlchemyError, give_up: float) -> None:
        """Wait a moment, or raise the error where waiting is of no use."""
        if not is_unavailable(error) or time.monotonic() > give_up:
            raise error
        log.warning("database_away", error=str(getattr(error, "orig", None) or error))
        time.sleep(RETRY_SECONDS)
