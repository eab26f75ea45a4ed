"""What every part of a worker process shares."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.domain.database import Database
from app.domain.events import Notifier
from app.domain.queue import Queue
from app.domain.settings import Settings
from app.domain.store import ObjectStore

log = structlog.get_logger()

RETRY_SECONDS = 1.0

T = TypeVar("T")


@dataclass
class WorkerContext:
    """One per process: its settings, its connections, and whether it is asked to stop."""

    settings: Settings
    database: Database
    store: ObjectStore
    notifier: Notifier
    stopping: threading.Event = field(default_factory=threading.Event)
    busy: dict[str, threading.Lock] = field(  # of each queue: one job of it at a time
        default_factory=lambda: {queue: threading.Lock() for queue in Queue}
    )

    @classmethod
    def from_settings(cls, settings: Settings) -> "WorkerContext":
        return cls(
            settings=settings,
            database=Database(settings.database),
            store=ObjectStore(settings),
            notifier=Notifier(settings.redis_url),
        )

    def write(self, action: Callable[[Session], T]) -> T:
        """Run `action` in a transaction; again while the database is away, as long as a lease.

        A database that restarts must not cost a healthy training its process.
        """
        give_up = time.monotonic() + self.settings.lease_seconds
        while True:
            try:
                with self.database.write() as session:
                    return action(session)
            except OperationalError as error:
                if time.monotonic() > give_up:
                    raise
                log.warning("database_away", error=str(error.orig))
                time.sleep(RETRY_SECONDS)
