"""Which checkpoint a request means: a model's served one, or the one that it names."""

import time
from dataclasses import dataclass

from anyio import to_thread

from app.domain.database import Database
from app.domain.pictures.checkpoint import ServedCheckpoint
from app.domain.registry import resolve_checkpoint

# How long an answer is believed. A hot image route affords no database query per request; what
# another process changes is seen this much later, what this one changes at once (`forget`).
FRESH_SECONDS = 0.25
# How much longer while somebody asks the database already: else all who come meanwhile would too.
ASKING_SECONDS = 1.0


@dataclass(frozen=True)
class _Entry:
    checkpoint: ServedCheckpoint
    read_at: float


class Catalogue:
    """Finds checkpoints, and remembers for a moment what it found."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str | None], _Entry] = {}
        self._changes = 0
        self._asking: set[tuple[str, str | None]] = set()

    async def find(
        self, database: Database, model: str, checkpoint_id: str | None = None
    ) -> ServedCheckpoint:
        """The checkpoint named, or the one that the model serves; NotFound without either."""
        asked_at = time.monotonic()
        remembered = self.recall(model, checkpoint_id)
        if remembered is not None:
            return remembered
        changes = self._changes
        self._asking.add((model, checkpoint_id))
        try:
            checkpoint = await to_thread.run_sync(_read, database, model, checkpoint_id)
        finally:
            self._asking.discard((model, checkpoint_id))
        if changes == self._changes:  # else it may have been read before the change
            self._entries[model, checkpoint_id] = _Entry(checkpoint, asked_at)
        return checkpoint

    def recall(self, model: str, checkpoint_id: str | None) -> ServedCheckpoint | None:
        """What `find` would answer without a query; None where it would ask."""
        entry = self._entries.get((model, checkpoint_id))
        asking = (model, checkpoint_id) in self._asking
        believed = FRESH_SECONDS + ASKING_SECONDS if asking else FRESH_SECONDS
        if entry is None or time.monotonic() - entry.read_at >= believed:
            return None
        return entry.checkpoint

    def forget(self) -> None:
        """Believe nothing that was read before: a model was changed or deleted."""
        self._changes += 1
        self._entries = {}


def _read(database: Database, model: str, checkpoint_id: str | None) -> ServedCheckpoint:
    with database.read() as session:
        return ServedCheckpoint.of(resolve_checkpoint(session, model, checkpoint_id))
