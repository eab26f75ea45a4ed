"""The object store: files under the home, or a bucket, behind one interface."""

import hashlib
import itertools
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
import structlog
from obstore.store import LocalStore, S3Store

from app.domain.settings import WorkerSettings
from models.durable_files import PARTIAL_SUFFIX, sync_to_disk, write_chunks_durably

log = structlog.get_logger()

OBSTORE_PARTIAL = re.compile(r"#\d+$")  # obstore's suffix of a local object that is being written
STREAM_PIECE_BYTES = 4 << 20
FETCH_PIECE_BYTES = 8 << 20
RETRY_SECONDS = 180.0  # how long a failing call to a bucket is retried
IN_USE_SECONDS = 600.0  # a copy requested this recently is kept: its reader may not have opened it


class ObjectStore:
    """Stores immutable objects. A key is slash-separated and does not begin with a slash."""

    def __init__(self, settings: WorkerSettings, retry_seconds: float = RETRY_SECONDS) -> None:
        self._root: Path | None = None
        self._store: LocalStore | S3Store
        if settings.storage_url is None:
            self._root = settings.home / "objects"
            self._root.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(self._root)
        else:
            _remove_empty_aws_variables()
            self._store = S3Store.from_url(
                settings.storage_url,
                retry_config={"retry_timeout": timedelta(seconds=retry_seconds)},
            )
            self._cache = settings.home / "cache"
            self._cache_bytes = settings.cache_bytes
            self._checked: set[str] = set()  # keys whose local copies this process has verified

    @property
    def is_bucket(self) -> bool:
        return self._root is None

    def check(self) -> None:
        """Raise obstore's error if the bucket does not answer or does not exist."""
        obstore.list(self._store, "readiness/", chunk_size=1).collect()

    def put_bytes(self, key: str, data: bytes) -> None:
        obstore.put(self._store, key, data)
        self._make_durable(key)

    def move_in(self, path: Path, key: str) -> None:
        """Move the file into the store as `key`."""
        self._move(path, key)
        self._make_durable(key)

    def move_all_in(self, files: list[tuple[Path, str]]) -> None:
        """Move many files, each (path, key), into the store."""
        for path, key in files:
            self._move(path, key)
        if self._root is not None:
            os.sync()  # once: fsync on each of ten thousand files takes a minute

    def _move(self, path: Path, key: str) -> None:
        if self._root is None:
            obstore.put(self._store, key, path)
            path.unlink()
            return
        target = self._root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)  # within a file system a rename: a 12 GB dataset is not copied

    def get_bytes(self, key: str) -> bytes:
        """Return an object's bytes. Raises FileNotFoundError if there is no such object."""
        return bytes(obstore.get(self._store, key).bytes())

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return part of an object. Raises FileNotFoundError if there is no such object."""
        return bytes(obstore.get_range(self._store, key, start=start, length=length))

    def stream(
        self, key: str, start: int, stop: int, piece_bytes: int = STREAM_PIECE_BYTES
    ) -> Iterator[bytes]:
        """Return the bytes from `start` up to, not including, `stop`, in pieces.

        The first piece is read at once. Each piece is a request of its own: a single response of a
        bucket would time out while a slow client reads it. Raises FileNotFoundError if there is no
        such object.
        """
        offsets = range(start, stop, piece_bytes)
        pieces = (
            self.get_range(key, offset, min(piece_bytes, stop - offset)) for offset in offsets
        )
        first = next(pieces)
        return itertools.chain((first,), pieces)

    def free_bytes(self) -> int | None:
        """Return the free bytes of the disk; None for a bucket, which has no limit."""
        return None if self._root is None else shutil.disk_usage(self._root).free

    def delete_prefix(self, prefix: str) -> None:
        """Delete every object below `prefix`."""
        keys = self.keys(prefix)
        if keys:
            with suppress(FileNotFoundError):  # another request is deleting them too
                obstore.delete(self._store, keys)
        # Locally, empty folders or cached copies remain.
        shutil.rmtree((self._root or self._cache) / prefix, ignore_errors=True)

    def delete(self, key: str) -> None:
        """Delete an object. A missing object is not an error."""
        with suppress(FileNotFoundError):
            obstore.delete(self._store, key)
        if self._root is None:
            self._checked.discard(key)
            (self._cache / key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below `prefix`, sorted."""
        listing = obstore.list(self._store, prefix)
        return sorted(str(entry["path"]) for page in listing for entry in page)

    def sizes(self, prefix: str) -> dict[str, int]:
        """Return the bytes of every object below `prefix`, by its key."""
        listing = obstore.list(self._store, prefix)
        return {str(entry["path"]): int(entry["size"]) for page in listing for entry in page}

    def keys_older_than(self, prefix: str, seconds: float) -> Iterator[str]:
        """Yield the keys below `prefix` of the objects that are older than `seconds`."""
        cutoff = datetime.now(UTC) - timedelta(seconds=seconds)
        for page in obstore.list(self._store, prefix):
            for entry in page:
                if entry["last_modified"] < cutoff:
                    yield str(entry["path"])

    def sweep_partial_files(self, older_than: float) -> None:
        """Delete partial files of killed processes that are older than `older_than` seconds."""
        for path in (self._root or self._cache).rglob("*"):
            if path.suffix == PARTIAL_SUFFIX or OBSTORE_PARTIAL.search(path.name):
                with suppress(OSError):
                    if time.time() - path.stat().st_mtime > older_than:
                        path.unlink()

    def local_copy(self, key: str, sha256: str | None = None) -> Path:
        """Return a file with the object's bytes: the object itself, or a copy in the local cache.

        A copy from an earlier process is verified by its size, and by `sha256` if given. A damaged
        copy is fetched again.
        """
        if self._root is not None:
            return self._root / key
        path = self._fetch(key, sha256)
        self._trim_cache()
        return path

    def local_folder(self, prefix: str) -> Path:
        """Return a folder that contains every object below `prefix`."""
        if self._root is not None:
            return self._root / prefix
        for key in self.keys(prefix):
            self._fetch(key)
        self._trim_cache()
        return self._cache / prefix

    def _fetch(self, key: str, sha256: str | None = None) -> Path:
        path = self._cache / key
        with suppress(FileNotFoundError):
            os.utime(path)
            if key in self._checked or self._is_whole(path, key, sha256):
                self._checked.add(key)
                return path
            log.warning("cached_copy_damaged", key=key)
        path.parent.mkdir(parents=True, exist_ok=True)
        chunks = obstore.get(self._store, key).stream(min_chunk_size=FETCH_PIECE_BYTES)
        write_chunks_durably(path, (bytes(chunk) for chunk in chunks))
        self._checked.add(key)
        return path

    def _is_whole(self, path: Path, key: str, sha256: str | None) -> bool:
        """Whether a copy is undamaged. Raises FileNotFoundError if it or the object is missing."""
        if path.stat().st_size != obstore.head(self._store, key)["size"]:
            return False
        if sha256 is None:
            return True
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256

    def _trim_cache(self) -> None:
        """Delete the least recently used copies, except those used within IN_USE_SECONDS.

        A process that has a deleted copy mapped can still read it.
        """
        copies: list[tuple[float, int, Path]] = []
        for path in self._cache.rglob("*"):
            with suppress(FileNotFoundError):
                status = path.stat()
                if stat.S_ISREG(status.st_mode) and path.suffix != PARTIAL_SUFFIX:
                    copies.append((status.st_mtime, status.st_size, path))
        excess = sum(size for _, size, _ in copies) - self._cache_bytes
        for used_at, size, path in sorted(copies):
            if excess <= 0 or time.time() - used_at < IN_USE_SECONDS:
                return
            excess -= size
            path.unlink(missing_ok=True)
            self._checked.discard(str(path.relative_to(self._cache)))

    def _make_durable(self, key: str) -> None:
        """Flush a local object that was just renamed into place: it then survives a power cut."""
        if self._root is None:
            return
        sync_to_disk(self._root / key)
        sync_to_disk((self._root / key).parent)


def _remove_empty_aws_variables() -> None:
    """Remove the empty `AWS_…` variables, which `NAME=` in an env file creates.

    The S3 client would use an empty value as the endpoint or the key, instead of the role's key.
    """
    for name, value in dict(os.environ).items():
        if name.startswith("AWS_") and not value.strip():
            del os.environ[name]
