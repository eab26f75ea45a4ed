"""Free disk space: which errors mean a full disk, and what the reserve is for."""

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import obstore
import pytest
from obstore.store import LocalStore
from queued_jobs import queue_job
from small_disk import fill
from sqlalchemy.exc import OperationalError

from app.domain import jobs
from app.domain.database import Database, migrate
from app.domain.disk import RESERVE_BYTES, Disk, is_disk_full
from app.domain.errors import InsufficientStorage
from app.domain.job_states import Status, Stop
from app.domain.settings import Settings

MB = 1 << 20


def written_by_python(folder: Path) -> None:
    with (folder / "file").open("wb") as file:
        file.write(bytes(MB))


def written_by_numpy(folder: Path) -> None:
    np.save(folder / "array.npy", np.zeros(MB))


def written_by_obstore(folder: Path) -> None:
    obstore.put(LocalStore(folder), "object", bytes(MB))


def written_by_sqlite(folder: Path) -> None:
    database = Database(f"sqlite:///{folder / 'moggy.db'}")
    try:
        queue_job(database)
    finally:
        database.close()


@pytest.mark.parametrize(
    "write", [written_by_python, written_by_numpy, written_by_obstore, written_by_sqlite]
)
def test_the_error_of_each_library_on_a_full_disk_is_recognised(
    small_disk: Path, write: object
) -> None:
    migrate(f"sqlite:///{small_disk / 'moggy.db'}")
    fill(small_disk)
    assert callable(write)
    with pytest.raises(Exception) as raised:  # noqa: PT011  # of four kinds
        write(small_disk)
    assert is_disk_full(raised.value)


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (OperationalError("INSERT", {}, SimpleNamespace(sqlstate="53100")), True),  # type: ignore[arg-type]
        (OperationalError("INSERT", {}, SimpleNamespace(sqlstate="57P01")), False),  # type: ignore[arg-type]
        (OperationalError("INSERT", {}, SimpleNamespace(sqlite_errorname="SQLITE_BUSY")), False),  # type: ignore[arg-type]
    ],
)
def test_errors_of_quotas_and_postgresql_are_recognised_and_others_are_not(
    error: Exception, full: bool
) -> None:
    wrapped = RuntimeError("the file was not stored")
    wrapped.__cause__ = error
    assert (is_disk_full(error), is_disk_full(wrapped)) == (full, full)


def test_below_the_minimum_of_free_bytes_no_work_starts(small_disk: Path) -> None:
    disk = Disk(Settings(home=small_disk / "home", min_free_bytes=8 * MB))
    disk.check()
    hog = fill(small_disk, leave=7 * MB)
    with pytest.raises(InsufficientStorage, match=r"bytes free.*8,388,608.*MOGGY_MIN_FREE_BYTES"):
        disk.check()
    hog.unlink()
    disk.check()


def test_a_parked_job_waits_for_more_space_than_it_had_with_its_run_folder(
    small_disk: Path,
) -> None:
    disk = Disk(Settings(home=small_disk, min_free_bytes=4 * MB))
    run_dir = small_disk / "runs" / "job-1"
    run_dir.mkdir(parents=True)
    (run_dir / "state").write_bytes(bytes(10 * MB))
    (run_dir / "good").hardlink_to(run_dir / "state")
    fill(small_disk, leave=MB)
    room = disk.free_bytes_to_resume(run_dir, needed=10 * MB)
    shutil.rmtree(run_dir)
    assert disk.free_bytes() == 11 * MB
    assert room == 21 * MB


def test_the_reserve_lets_a_job_be_cancelled_on_a_full_disk_and_is_filled_again(
    small_disk: Path,
) -> None:
    settings = Settings(home=small_disk, min_free_bytes=MB)
    migrate(settings.database)
    database, disk = Database(settings.database), Disk(settings)
    job_id = queue_job(database)
    disk.fill_reserve()
    assert not disk.release_reserve()  # the disk has space
    hog = fill(small_disk)
    with pytest.raises(OperationalError), database.write() as session:
        jobs.request_stop(session, job_id, Stop.CANCEL)
    disk.fill_reserve()
    assert disk.release_reserve()
    with database.write() as session:
        assert jobs.request_stop(session, job_id, Stop.CANCEL).status == Status.CANCELLED
    disk.fill_reserve()
    assert not disk.release_reserve()  # the disk is full, so it was not filled again
    hog.unlink()
    disk.fill_reserve()
    assert (small_disk / "reserve").stat().st_size == RESERVE_BYTES
    database.close()
