"""Free disk space: when it is too little to begin anything, and a reserve for what frees more.

A full disk is a state of the service, and no crash. Below `MOGGY_MIN_FREE_BYTES` new uploads and
jobs are refused and running jobs are parked, so that the rest stays for what must be written.
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
RESUME_SHARE = 1.5  # of the least free bytes: parked jobs go on above it, so that none flaps
SQLITE_FULL = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")
POSTGRESQL_FULL = "53100"
# What the errors of obstore say: they have no code of their own. The last two are of buckets.
STORE_FULL = ("(os error 28)", "(os error 122)", "StorageFull", "Insufficient Storage")


def is_disk_full(error: BaseException) -> bool:
    """Whether a file, the database or the object store could not be written for want of room."""
    return durable_files.is_disk_full(error) or any(_is_full(link) for link in error_chain(error))


def _is_full(error: BaseException) -> bool:
    # By attributes and names: `moggy up` uses this module, and need not load the two libraries.
    driver_error = getattr(error, "orig", error)  # what SQLAlchemy has wrapped
    if getattr(driver_error, "sqlite_errorname", None) in SQLITE_FULL:
        return True
    if getattr(driver_error, "sqlstate", None) == POSTGRESQL_FULL:
        return True
    of_store = type(error).__module__ == "obstore.exceptions"
    return of_store and any(words in str(error) for words in STORE_FULL)


class Disk:
    """The disks of a home: its own, and those that its folders may be mounted from."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._home = settings.home
        folders = [settings.home, settings.runs]
        if settings.storage_url is None:
            folders.append(settings.home / "objects")
        self._folders = folders
        self._least = settings.min_free_bytes
        # Only a database in the home needs the reserve: elsewhere, nothing that frees room writes.
        self._reserve = settings.home / "reserve" if settings.owns_database else None

    def free_bytes(self) -> int:
        """What the fullest of the disks has left."""
        return min(shutil.disk_usage(_existing(folder)).free for folder in self._folders)

    @property
    def is_low(self) -> bool:
        return self.free_bytes() < self._least

    def check(self) -> None:
        """Raise InsufficientStorage where nothing new should begin."""
        free = self.free_bytes()
        if free < self._least:
            raise InsufficientStorage(
                f"the disk of {self._home} has {free:,} bytes free, and {self._least:,} are the "
                "least (MOGGY_MIN_FREE_BYTES): delete datasets or models, or make room otherwise"
            )

    def free_bytes_to_resume(self, run_dir: Path, needed: int) -> int:
        """The free bytes above which a job that is being parked may go on.

        That is more than it had until now, its run folder, which goes, included; and room for the
        file of `needed` bytes that did not fit. Otherwise it would fill the disk again.
        """
        had = self.free_bytes() + _size(run_dir)
        more = max(needed, self._least // 2)
        return max(round(RESUME_SHARE * self._least), had + more)

    def release_reserve(self) -> bool:
        """On a full disk, free the reserve; whether there was one.

        For writes that free room or keep a job's state: deleting, cancelling, parking.
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
        """Take the reserve again where there is room enough beside it."""
        if self._reserve is None or self._reserve.exists():
            return
        if self.free_bytes() < self._least + 2 * RESERVE_BYTES:
            return
        try:
            write_durably(self._reserve, bytes(RESERVE_BYTES))  # a hole would reserve nothing
        except OSError as error:
            log.warning("disk_reserve_failed", error=str(error))


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder


def _size(folder: Path) -> int:
    """The bytes of all files below `folder`; a file with two names counts once."""
    sizes: dict[int, int] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(parent, name))  # noqa: PTH118  # many files
            except FileNotFoundError:
                continue
            sizes[status.st_ino] = status.st_size
    return sum(sizes.values())
