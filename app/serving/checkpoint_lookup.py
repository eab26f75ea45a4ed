"""Which checkpoint a request means: a model's served one, or the one that it names."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from app.domain.database import Database
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.registry import resolve_checkpoint

# How long an answer is believed. A hot image route affords no database query per request; what
# another process changes is seen this much later, what this one changes at once (`forget`).
FRESH_SECONDS = 0.25
# How much longer while the database is asked already. Who did not believe it would go the whole
# way instead of the short one, which costs several times as much: a service that had more to do
# than it could do, and so took long to ask, did less and less, and did not recover.
ASKING_SECONDS = 10.0
# Of its own: the threads that all others share may be taken for seconds.
THREADS = 2

Key = tuple[str, str | None]  # a model, and a checkpoint if one is named


@dataclass(frozen=True)
class _Entry:
    checkpoint: ServedCheckpoint
    read_at: float


class Catalogue:
    """Finds checkpoints, and remembers for a moment what it found. Used in one event loop."""

    def __init__(self) -> None:
        self._entries: dict[Key, _Entry] = {}
        self._asking: dict[Key, asyncio.Future[ServedCheckpoint]] = {}
        self._threads = ThreadPoolExecutor(THREADS, "catalogue")

    async def find(
        self, database: Database, model: str, checkpoint_id: str | None = None
    ) -> ServedCheckpoint:
        """The checkpoint named, or the one that the model serves; NotFound without either."""
        remembered = self.recall(database, model, checkpoint_id)
        if remembered is not None:
            return remembered
        # Who leaves does not end it for the others.
        return await asyncio.shield(self._ask(database, (model, checkpoint_id)))

    def recall(
        self, database: Database, model: str, checkpoint_id: str | None
    ) -> ServedCheckpoint | None:
        """What `find` would answer at once; None where it would wait. Where it is no longer
        fresh, the database is asked from now on."""
        key = (model, checkpoint_id)
        entry = self._entries.get(key)
        if entry is None:
            return None
        age = time.monotonic() - entry.read_at
        if age < FRESH_SECONDS:
            return entry.checkpoint
        if key in self._asking:
            return entry.checkpoint if age < FRESH_SECONDS + ASKING_SECONDS else None
        self._ask(database, key)
        return None

    def forget(self) -> None:
        """Believe nothing that was read before: a model was changed or deleted."""
        self._entries = {}
        self._asking = {}  # it may have been read before the change: only who waits gets it

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, database: Database, key: Key) -> asyncio.Future[ServedCheckpoint]:
        """Read it once, however many wait for it."""
        asking = self._asking.get(key)
        if asking is None:
            asking = asyncio.ensure_future(self._read(database, key))
            asking.add_done_callback(_take_note)
            self._asking[key] = asking
        return asking

    async def _read(self, database: Database, key: Key) -> ServedCheckpoint:
        asked_at, entries, asking = time.monotonic(), self._entries, self._asking
        loop = asyncio.get_running_loop()
        try:
            checkpoint = await loop.run_in_executor(self._threads, _resolve, database, *key)
        except BaseException:
            entries.pop(key, None)
            raise
        else:
            entries[key] = _Entry(checkpoint, asked_at)
            return checkpoint
        finally:
            asking.pop(key, None)


def _resolve(database: Database, model: str, checkpoint_id: str | None) -> ServedCheckpoint:
    with database.read() as session:
        return ServedCheckpoint.of(resolve_checkpoint(session, model, checkpoint_id))


def _take_note(asking: "asyncio.Future[ServedCheckpoint]") -> None:
    """That it failed: perhaps nobody waits for it any more."""
    if not asking.cancelled():
        asking.exception()
