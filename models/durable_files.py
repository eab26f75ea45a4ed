"""Files that are written whole or not at all, their hashes, and how a full disk is reported."""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

DISK_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT)  # no space left on the device, or in a quota
DISK_FULL_EXIT_STATUS = 4  # of a child process that has reported a full disk
PARTIAL_SUFFIX = ".partial"  # of a file that is being written


class DiskFull(OSError):
    """A file of `needed_bytes` did not fit on its disk. The file that was there is unchanged."""

    def __init__(self, path: Path, needed_bytes: int) -> None:
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self.needed_bytes = needed_bytes


def write_durably(path: Path, data: bytes) -> None:
    """Write `data` to `path` whole: a reader never gets a part of it, even after a crash.

    Missing folders are created. Raises DiskFull on a full disk; an older file of that name is then
    unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_chunks_durably(path, [data])
    except OSError as error:
        if is_disk_full(error):
            raise DiskFull(path, len(data)) from error
        raise


def write_chunks_durably(path: Path, chunks: Iterable[bytes]) -> int:
    """Write `chunks` to `path` as `write_durably` does; return the number of bytes.

    The folder must exist. An exception of `chunks` leaves `path` as it was.
    """
    # A random name: containers that share a folder may have the same process ids.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{PARTIAL_SUFFIX}")
    try:
        with temporary.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
            written = file.tell()
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_to_disk(path.parent)  # makes the rename durable
    return written


def sync_to_disk(path: Path) -> int:
    """Force a file or a folder onto the disk; return its size in bytes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_disk_full(error: BaseException) -> bool:
    """Whether a file could not be written because its disk, or a quota on it, is full."""
    return any(
        isinstance(link, OSError) and link.errno in DISK_FULL_ERRORS for link in error_chain(error)
    )


def needed_bytes(error: BaseException) -> int:
    """The size of the file that did not fit; 0 where it is unknown."""
    sizes = (link.needed_bytes for link in error_chain(error) if isinstance(link, DiskFull))
    return max(sizes, default=0)


def error_chain(error: BaseException) -> Iterator[BaseException]:
    """The error, then each error that it was raised from or while handling."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
