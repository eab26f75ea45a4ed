"""The lookup of the checkpoint that a request uses, and the cache of loaded generators."""

import asyncio
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import structlog

from app.domain.database import Database
from app.domain.errors import MoggyError
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.registry import resolve_checkpoint
from app.domain.store import ObjectStore
from models.feature_maps import LayeredGenerator
from models.onnx_generator import OnnxFileError, OnnxGenerator

log = structlog.get_logger()

# How long a cached row is valid. The fast path for images cannot afford a database query per
# request. A change by another process takes effect after this time; a change by this process takes
# effect at once (`CheckpointLookup.clear`).
FRESH_SECONDS = 0.25
# How much longer a row stays valid while it is being read again. Without this, requests leave the
# fast path for the ordinary route, which costs several times as much: an overloaded service, whose
# queries are slow, would answer fewer and fewer requests and not recover.
REFRESH_SECONDS = 10.0
LOOKUP_THREADS = 2  # not shared with other work, which may occupy threads for seconds

Key = tuple[str, str | None]  # a model, and a checkpoint id if the request names one


class BrokenCheckpoint(MoggyError):
    """The stored file is missing or damaged; other checkpoints are not affected."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Broken checkpoint"
    kind: ClassVar[str] = "broken_checkpoint"


@dataclass(frozen=True)
class _Entry:
    checkpoint: GeneratorCheckpoint
    read_at: float


class CheckpointLookup:
    """Reads checkpoints from the database and caches them briefly. Used from one event loop."""

    def __init__(self) -> None:
        self._entries: dict[Key, _Entry] = {}
        self._reads: dict[Key, asyncio.Future[GeneratorCheckpoint]] = {}
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, "checkpoint lookup")

    async def find(
        self, database: Database, model: str, checkpoint_id: str | None = None
    ) -> GeneratorCheckpoint:
        """The named checkpoint, or the one that the model serves. Raises NotFound."""
        cached = self.find_cached(database, model, checkpoint_id)
        if cached is not None:
            return cached
        # Shielded: a request that is cancelled must not cancel the read for the others.
        return await asyncio.shield(self._start_read(database, (model, checkpoint_id)))

    def find_cached(
        self, database: Database, model: str, checkpoint_id: str | None
    ) -> GeneratorCheckpoint | None:
        """The checkpoint if `find` would return it without waiting, else None.

        An expired entry starts a read of the database in the background.
        """
        key = (model, checkpoint_id)
        entry = self._entries.get(key)
        if entry is None:
            return None
        age = time.monotonic() - entry.read_at
        if age < FRESH_SECONDS:
            return entry.checkpoint
        if key in self._reads:
            return entry.checkpoint if age < FRESH_SECONDS + REFRESH_SECONDS else None
        self._start_read(database, key)
        return None

    def clear(self) -> None:
        """Clear the cache, because a model was changed or deleted."""
        self._entries = {}
        # A read under way may predate the change: its result is returned to the requests that await
        # it, and not cached.
        self._reads = {}

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _start_read(self, database: Database, key: Key) -> asyncio.Future[GeneratorCheckpoint]:
        """The read of this key: the one under way, or a new one."""
        read = self._reads.get(key)
        if read is None:
            read = asyncio.ensure_future(self._read(database, key))
            read.add_done_callback(_retrieve_exception)
            self._reads[key] = read
        return read

    async def _read(self, database: Database, key: Key) -> GeneratorCheckpoint:
        # The two dicts as they are now: `clear` replaces them.
        started_at, entries, reads = time.monotonic(), self._entries, self._reads
        loop = asyncio.get_running_loop()
        try:
            checkpoint = await loop.run_in_executor(self._threads, _resolve, database, *key)
        except BaseException:
            entries.pop(key, None)
            raise
        else:
            entries[key] = _Entry(checkpoint, started_at)
            return checkpoint
        finally:
            reads.pop(key, None)


@dataclass(frozen=True)
class CachedGenerator:
    """A generator in memory; `seconds` is how long loading took."""

    checkpoint: GeneratorCheckpoint
    generator: OnnxGenerator
    seconds: float


class GeneratorCache:
    """Loaded generators by checkpoint; the least recently used are unloaded first.

    Their files have at most `capacity` bytes. A single generator larger than that is still kept.
    """

    def __init__(self, store: ObjectStore, capacity: int) -> None:
        self._store = store
        self._capacity = capacity
        self._cached: OrderedDict[str, CachedGenerator] = OrderedDict()
        self._access = threading.Lock()

    def find(self, checkpoint: GeneratorCheckpoint) -> CachedGenerator | None:
        """The generator if it is loaded; marks it as used."""
        with self._access:
            cached = self._cached.get(checkpoint.id)
            if cached is not None:
                self._cached.move_to_end(checkpoint.id)
            return cached

    def load(self, checkpoint: GeneratorCheckpoint) -> CachedGenerator:
        """The generator, loaded if it is not yet. Blocks on the disk or the network.

        Raises BrokenCheckpoint.
        """
        cached = self.find(checkpoint)
        if cached is None:
            started_at = time.perf_counter()
            generator = self._read(checkpoint)
            cached = CachedGenerator(checkpoint, generator, time.perf_counter() - started_at)
            self._add(cached)
        return cached

    def layered(self, cached: CachedGenerator) -> LayeredGenerator:
        """Return the generator with its layers as outputs; they add to the memory counted.

        Raises BrokenCheckpoint.
        """
        try:
            layered = cached.generator.layered()
        except OnnxFileError as exc:
            raise _broken(cached.checkpoint, str(exc)) from exc
        self._unload_least_used()
        return layered

    def loaded(self) -> list[CachedGenerator]:
        """The loaded generators, the least recently used first. A model may have been renamed
        since its generator was loaded."""
        with self._access:
            return list(self._cached.values())

    def unload(self, checkpoint_ids: Iterable[str]) -> list[CachedGenerator]:
        """Remove generators, and return them; requests already queued are still answered."""
        with self._access:
            popped = [self._cached.pop(checkpoint_id, None) for checkpoint_id in checkpoint_ids]
        removed = [cached for cached in popped if cached is not None]
        _log_unloaded(removed)
        return removed

    def _add(self, cached: CachedGenerator) -> None:
        with self._access:
            self._cached[cached.checkpoint.id] = cached
        log.info("generator_loaded", **_log_fields(cached), seconds=round(cached.seconds, 3))
        self._unload_least_used()

    def _unload_least_used(self) -> None:
        """Unload generators until the others fit into the capacity."""
        evicted = []
        with self._access:
            total = sum(cached.generator.bytes for cached in self._cached.values())
            while total > self._capacity and len(self._cached) > 1:
                _, oldest = self._cached.popitem(last=False)
                total -= oldest.generator.bytes
                evicted.append(oldest)
        _log_unloaded(evicted)

    def _read(self, checkpoint: GeneratorCheckpoint) -> OnnxGenerator:
        try:
            path = self._store.local_copy(checkpoint.onnx_key, checkpoint.onnx_sha256)
            with path.open("rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError as exc:
            raise _broken(checkpoint, "is not in the object store") from exc
        except OSError as exc:
            raise _broken(checkpoint, f"cannot be read: {exc}") from exc
        if actual != checkpoint.onnx_sha256:
            problem = f"is damaged: its sha256 is {actual}, not {checkpoint.onnx_sha256}"
            raise _broken(checkpoint, problem)
        try:
            # By its path: ONNX Runtime would keep the bytes of a file in memory.
            return OnnxGenerator(path)
        except OnnxFileError as exc:
            raise _broken(checkpoint, str(exc)) from exc


def _resolve(database: Database, model: str, checkpoint_id: str | None) -> GeneratorCheckpoint:
    with database.read() as session:
        return GeneratorCheckpoint.of(resolve_checkpoint(session, model, checkpoint_id))


def _retrieve_exception(read: "asyncio.Future[GeneratorCheckpoint]") -> None:
    """Mark an exception as retrieved: asyncio would log it where no request awaits the read."""
    if not read.cancelled():
        read.exception()


def _broken(checkpoint: GeneratorCheckpoint, problem: str) -> BrokenCheckpoint:
    return BrokenCheckpoint(
        f"the ONNX file of checkpoint {checkpoint.id} of model {checkpoint.model!r} {problem}"
    )


def _log_fields(cached: CachedGenerator) -> dict[str, str]:
    return {"model": cached.checkpoint.model, "checkpoint": cached.checkpoint.id}


def _log_unloaded(removed: list[CachedGenerator]) -> None:
    for cached in removed:
        log.info("generator_unloaded", **_log_fields(cached))
