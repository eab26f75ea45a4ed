"""Objects by key: files under the home, or a bucket, behind one interface."""

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

STAGED = re.compile(r"#\d+$")  # what obstore calls a local object until it is whole
PIECE_BYTES = 4 << 20
RETRY_SECONDS = 180.0  # for which a call to a bucket is tried again
IN_USE_SECONDS = 600.0  # a copy that was asked for so recently may not have been opened yet


class ObjectStore:
    """Keys are slash-separated and never begin with a slash; a written object never changes."""

    def __init__(self, settings: WorkerSettings, retry_seconds: float = RETRY_SECONDS) -> None:
        self._root: Path | None = None
        self._store: LocalStore | S3Store
        if settings.storage_url is None:
            self._root = settings.home / "objects"
            self._root.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(self._root)
        else:
            _forget_empty_variables()
            self._store = S3Store.from_url(
                settings.storage_url,
                retry_config={"retry_timeout": timedelta(seconds=retry_seconds)},
            )
            self._cache = settings.home / "cache"
            self._cache_bytes = settings.cache_bytes
            self._checked: set[str] = set()  # keys whose copies this process has looked at

    @property
    def is_bucket(self) -> bool:
        return self._root is None

    def check(self) -> None:
        """Raise what obstore raises where a bucket does not answer or does not exist."""
        obstore.list(self._store, "readiness/", chunk_size=1).collect()

    def put_bytes(self, key: str, data: bytes) -> None:
        obstore.put(self._store, key, data)
        self._make_durable(key)

    def move_in(self, path: Path, key: str) -> None:
        """Store the file as `key`; the file is gone afterwards."""
        self._move(path, key)
        self._make_durable(key)

    def move_all_in(self, files: list[tuple[Path, str]]) -> None:
        """Store many files, each (path, key), as `move_in` does."""
        for path, key in files:
            self._move(path, key)
        if self._root is not None:
            os.sync()  # once, where ten thousand single calls would take a minute

    def _move(self, path: Path, key: str) -> None:
        if self._root is None:
            obstore.put(self._store, key, path)
            path.unlink()
            return
        target = self._root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)  # a rename on one file system: a 12 GB dataset is not copied

    def get_bytes(self, key: str) -> bytes:
        """Raises FileNotFoundError when there is no such object."""
        return bytes(obstore.get(self._store, key).bytes())

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Part of an object's bytes; raises FileNotFoundError when there is no such object."""
        return bytes(obstore.get_range(self._store, key, start=start, length=length))

    def stream(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`, in pieces, of which the first is read now.

        Each is asked for anew: one answer of a bucket would end while a slow client still reads.
        Raises FileNotFoundError when there is no such object.
        """
        firsts = range(start, stop, PIECE_BYTES)
        pieces = (self.get_range(key, one, min(PIECE_BYTES, stop - one)) for one in firsts)
        first = next(pieces)
        return itertools.chain((first,), pieces)

    def free_bytes(self) -> int | None:
        """What the disk has left; None for a bucket, which does not say."""
        return None if self._root is None else shutil.disk_usage(self._root).free

    def delete_prefix(self, prefix: str) -> None:
        """Delete every object below `prefix`."""
        keys = self.keys(prefix)
        if keys:
            obstore.delete(self._store, keys)
        # What is left locally: the empty folders, or the copies of what was in the bucket.
        shutil.rmtree((self._root or self._cache) / prefix, ignore_errors=True)

    def delete(self, key: str) -> None:
        """Delete one object; to delete it again is no error."""
        with suppress(FileNotFoundError):
            obstore.delete(self._store, key)
        if self._root is None:
            self._checked.discard(key)
            (self._cache / key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> list[str]:
        """The keys below `prefix`, sorted."""
        listing = obstore.list(self._store, prefix)
        return sorted(str(entry["path"]) for page in listing for entry in page)

    def keys_older_than(self, prefix: str, seconds: float) -> Iterator[str]:
        """The keys below `prefix` of the objects that were written longer ago than that."""
        latest = datetime.now(UTC) - timedelta(seconds=seconds)
        for page in obstore.list(self._store, prefix):
            for entry in page:
                if entry["last_modified"] < latest:
                    yield str(entry["path"])

    def sweep_partial_files(self, older_than: float) -> None:
        """Delete what a killed process left of a file that it was writing or fetching."""
        for path in (self._root or self._cache).rglob("*"):
            if path.suffix == PARTIAL_SUFFIX or STAGED.search(path.name):
                with suppress(OSError):
                    if time.time() - path.stat().st_mtime > older_than:
                        path.unlink()

    def local_copy(self, key: str, sha256: str | None = None) -> Path:
        """A file with the object's bytes: the object itself, or a copy kept for next time.

        A copy that an earlier process has left is first compared with the object's size, and with
        `sha256` where that is known; one that differs is fetched anew.
        """
        if self._root is not None:
            return self._root / key
        path = self._fetch(key, sha256)
        self._trim_cache()
        return path

    def local_folder(self, prefix: str) -> Path:
        """A folder that holds every object below `prefix`."""
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
        chunks = obstore.get(self._store, key).stream(min_chunk_size=8 << 20)
        write_chunks_durably(path, (bytes(chunk) for chunk in chunks))
        self._checked.add(key)
        return path

    def _is_whole(self, path: Path, key: str, sha256: str | None) -> bool:
        """Whether a copy is what it should be. Raises FileNotFoundError where either is gone."""
        if path.stat().st_size != obstore.head(self._store, key)["size"]:
            return False
        if sha256 is None:
            return True
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256

    def _trim_cache(self) -> None:
        """Drop the copies that were not used for longest, and none that is in use right now.

        Who has a dropped file mapped keeps it: the name goes, not the bytes.
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
        """Make a local object, renamed into place just now, outlive a power cut."""
        if self._root is None:
            return
        sync_to_disk(self._root / key)
        sync_to_disk((self._root / key).parent)


def _forget_empty_variables() -> None:
    """Remove each `AWS_…` variable that is empty, as `NAME=` in a file of variables makes it.

    The S3 client would take it for an endpoint or for a key, and not look for those of a role.
    """
    for name, value in dict(os.environ).items():
        if name.startswith("AWS_") and not value.strip():
            del os.environ[name]
