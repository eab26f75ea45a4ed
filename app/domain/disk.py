"""Disk space: the minimum for new work, and a reserve file that is deleted when the disk is full.

The service survives a full disk. Below `MOGGY_MIN_FREE_BYTES`, new uploads and jobs are refused and
running jobs are parked, so that the remaining space is left for writes that must succeed.
"""

import os
import shutil
from pathlib import Path

import structlog

from app.domain.errors import InsufficientStorage
from app.domain.settings import WorkerSettings
from models import durable_files
from models.durable_files import error_chain, write_durably

log = structlog.get_logger()

RESERVE_BYTES = 2 << 20  # enough for the rows of a large model
# Parked jobs resume above this multiple of the minimum, so that they are not parked again at once.
RESUME_FACTOR = 1.5
SQLITE_FULL = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")
POSTGRESQL_FULL = "53100"
# Parts of obstore's messages: its errors have no code. The last two come from buckets.
STORE_FULL = ("(os error 28)", "(os error 122)", "StorageFull", "Insufficient Storage")


def is_disk_full(error: BaseException) -> bool:
    """Whether a file, the database or the object store could not be written on a full disk."""
    return durable_files.is_disk_full(error) or any(_is_full(link) for link in error_chain(error))


def _is_full(error: BaseException) -> bool:
    # Errors are recognised by attributes and names, so that `moggy up` does not import SQLAlchemy
    # and obstore.
    driver_error = getattr(error, "orig", error)  # SQLAlchemy wraps the driver's error
    if getattr(driver_error, "sqlite_errorname", None) in SQLITE_FULL:
        return True
    if getattr(driver_error, "sqlstate", None) == POSTGRESQL_FULL:
        return True
    is_store_error = type(error).__module__ == "obstore.exceptions"
    return is_store_error and any(words in str(error) for words in STORE_FULL)


def check_room(folder: Path, size: int, min_free: int, field: str) -> None:
    """Raise InsufficientStorage unless `size` bytes more leave `min_free` bytes of the disk."""
    free = shutil.disk_usage(folder).free
    if size + min_free > free:
        raise InsufficientStorage(
            f"the upload is {size:,} bytes and the disk has {free:,} free, of which "
            f"{min_free:,} must stay free (MOGGY_MIN_FREE_BYTES): free space, or "
            "send less",
            field=field,
        )


class Disk:
    """The disks that the home and its folders are on."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._home = settings.home
        folders = [settings.home, settings.runs]
        if settings.storage_url is None:
            folders.append(settings.home / "objects")
        self._folders = folders
        self._min_free_bytes = settings.min_free_bytes
        # Only a database in the home needs space in the home to delete rows.
        self._reserve = settings.home / "reserve" if settings.owns_database else None

    def free_bytes(self) -> int:
        """Return the free bytes of the disk that has the fewest."""
        return min(shutil.disk_usage(_existing(folder)).free for folder in self._folders)

    @property
    def is_low(self) -> bool:
        return self.free_bytes() < self._min_free_bytes

    def check(self) -> None:
        """Raise InsufficientStorage if no new work should start."""
        free = self.free_bytes()
        if free < self._min_free_bytes:
            raise InsufficientStorage(
                f"the disk of {self._home} has {free:,} bytes free, and the minimum is "
                f"{self._min_free_bytes:,} (MOGGY_MIN_FREE_BYTES): delete datasets or models, or "
                "free space on the disk"
            )

    def free_bytes_to_resume(self, run_dir: Path, needed: int) -> int:
        """Return the free bytes above which a job that is being parked may resume.

        The job filled the disk, so it needs more space than it has now. The result adds up the
        free bytes, those of its run folder, which is deleted, and the `needed` bytes of the file
        that did not fit. It is at least RESUME_FACTOR times the minimum.
        """
        available = self.free_bytes() + _size(run_dir)
        more = max(needed, self._min_free_bytes // 2)
        return max(round(RESUME_FACTOR * self._min_free_bytes), available + more)

    def release_reserve(self) -> bool:
        """Delete the reserve if the disk is full. Returns whether it did.

        Call it before a write that frees space or keeps a job's state: delete, cancel, park.
        """
        if self._reserve is None or self.free_bytes() >= RESERVE_BYTES:
            return False
        try:
            self._reserve.unlink()
        except FileNotFoundError:
            return False
        log.warning("disk_reserve_released", path=str(self._reserve))
        return True

    def fill_reserve(self) -> None:
        """Create the reserve if there is none and the disk has enough space for it."""
        if self._reserve is None or self._reserve.exists():
            return
        if self.free_bytes() < self._min_free_bytes + 2 * RESERVE_BYTES:
            return
        try:
            write_durably(self._reserve, bytes(RESERVE_BYTES))  # a sparse file reserves nothing
        except OSError as error:
            log.warning("disk_reserve_failed", error=str(error))


def _existing(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder


def _size(folder: Path) -> int:
    """Return the bytes of all files below `folder`. A file with two hard links counts once."""
    sizes: dict[int, int] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(parent, name))  # noqa: PTH118  # many files
            except FileNotFoundError:
                continue
            sizes[status.st_ino] = status.st_size
    return sum(sizes.values())
