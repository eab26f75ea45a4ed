"""Objects by key: files under the home, or a bucket, behind one interface."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import obstore
from obstore.store import LocalStore, S3Store

from app.domain.settings import Settings


class ObjectStore:
    """Keys are slash-separated and never begin with a slash; a written object never changes."""

    def __init__(self, settings: Settings) -> None:
        self._root: Path | None = None
        self._store: LocalStore | S3Store
        if settings.storage_url is None:
            self._root = settings.home / "objects"
            self._root.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(self._root)
        else:
            self._store = S3Store.from_url(settings.storage_url)
            self._cache = settings.home / "cache"
            self._cache_bytes = settings.cache_bytes

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
            (self._cache / key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> list[str]:
        """The keys below `prefix`, sorted."""
        listing = obstore.list(self._store, prefix)
        return sorted(str(entry["path"]) for page in listing for entry in page)

    def local_copy(self, key: str) -> Path:
        """A file with the object's bytes: the object itself, or a copy kept for next time."""
        if self._root is not None:
            return self._root / key
        path = self._cache / key
        if path.exists():
            os.utime(path)
        else:
            self._download(key, path)
        return path

    def local_folder(self, prefix: str) -> Path:
        """A folder that holds every object below `prefix`."""
        if self._root is not None:
            return self._root / prefix
        for key in self.keys(prefix):
            self.local_copy(key)
        return self._cache / prefix

    def _download(self, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        with partial.open("wb") as file:
            for chunk in obstore.get(self._store, key).stream(min_chunk_size=8 << 20):
                file.write(chunk)
        partial.rename(path)
        self._trim_cache(newest=path)

    def _trim_cache(self, newest: Path) -> None:
        files = [path for path in self._cache.rglob("*") if path.is_file()]
        files.sort(key=lambda path: path.stat().st_mtime)
        excess = sum(path.stat().st_size for path in files) - self._cache_bytes
        for path in files:
            if excess <= 0:
                return
            if path != newest:  # who has it mapped keeps it: the name goes, not the bytes
                excess -= path.stat().st_size
                path.unlink(missing_ok=True)

    def _make_durable(self, key: str) -> None:
        """Make a local object, renamed into place just now, outlive a power cut."""
        if self._root is None:
            return
        for path in (self._root / key, (self._root / key).parent):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
