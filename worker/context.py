"""What every part of a worker process shares."""

import threading
from dataclasses import dataclass, field

from app.domain.database import Database
from app.domain.events import Notifier
from app.domain.settings import Settings
from app.domain.store import ObjectStore


@dataclass
class WorkerContext:
    """One per process: its settings, its connections, and whether it is asked to stop."""

    settings: Settings
    database: Database
    store: ObjectStore
    notifier: Notifier
    stopping: threading.Event = field(default_factory=threading.Event)
    busy: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def from_settings(cls, settings: Settings) -> "WorkerContext":
        return cls(
            settings=settings,
            database=Database(settings.database),
            store=ObjectStore(settings),
            notifier=Notifier(settings.redis_url),
        )

    def close(self) -> None:
        self.notifier.close()
        self.database.close()
