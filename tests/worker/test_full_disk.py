"""A worker whose disk is full parks its job, and goes on with it when there is room."""

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.domain import events, jobs, leases
from app.domain.database import Database
from app.domain.disk import Disk
from app.domain.job_objects import state_key
from app.domain.job_states import Status
from app.domain.leases import Claim
from app.domain.settings import Settings
from app.domain.tables import Job
from models.durable_files import DiskFull
from worker import supervisor
from worker.context import WorkerContext
from worker.kinds.train import Train

pytestmark = pytest.mark.slow

MODULE = "child_without_room"
ENDLESS = "import time\nwhile True: time.sleep(1)"
NO_ROOM = 'print(\'{"event": "no_room", "error": "no space", "needed_bytes": 5000000}\')'
STATE = 'print(\'{"event": "state", "images_seen": 64, "path": "run.json"}\', flush=True)\n'


class Child(Train):
    module = MODULE


@pytest.fixture
def context(settings: Settings) -> Iterator[WorkerContext]:
    context = WorkerContext.from_settings(settings)
    yield context
    context.notifier.close()
    context.database.close()


@pytest.fixture
def supervised(
    train: Callable[..., str],
    context: WorkerContext,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], Job]:
    """Supervises a new training with `program` as its child, at the last of its attempts."""

    def run(program: str) -> Job:
        (tmp_path / f"{MODULE}.py").write_text(program)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setitem(supervisor.KINDS, "train", Child)
        job_id = train(512)
        with database.write() as session:
            job = leases.acquire(session, "train", lease_seconds=4, max_attempts=1)
        assert job is not None
        supervisor.supervise(context, job)
        assert not list(context.settings.runs.iterdir())
        with database.read() as session:
            return jobs.find(session, job_id)

    return run


def assert_parked(job: Job) -> None:
    assert (job.status, job.attempt, job.lease_until) == (Status.QUEUED, 0, None)
    assert job.error is not None
    assert "the disk of its worker is full" in job.error
    assert job.room_needed is not None
    assert f"{job.room_needed:,} bytes are free" in job.error


def test_a_child_that_reports_no_room_costs_no_attempt_and_keeps_the_last_state(
    supervised: Callable[[str], Job], database: Database
) -> None:
    job = supervised(STATE + NO_ROOM)
    assert_parked(job)
    assert job.state_key == state_key(job.id, 1, 64)
    with database.read() as session:
        said = events.of_type(session, job.id, "state")[-1].data
    assert (said["status"], said["error"]) == ("queued", job.error)


def test_a_parked_job_is_claimed_where_there_is_room_enough_and_then_has_no_error(
    supervised: Callable[[str], Job], database: Database
) -> None:
    job = supervised(NO_ROOM)
    assert job.room_needed is not None
    for free, claimed in ((job.room_needed - 1, False), (job.room_needed, True)):
        with database.read() as session:
            assert jobs.has_queued(session, "train", free) is claimed
        with database.write() as session:
            found = leases.acquire(session, "train", 60, max_attempts=1, free_bytes=free)
        assert (found is not None) is claimed
    assert found is not None
    assert (found.status, found.attempt, found.error, found.room_needed) == (
        "running",
        1,
        None,
        None,
    )


def test_a_parked_job_does_not_hold_up_those_behind_it(
    supervised: Callable[[str], Job], train: Callable[..., str], database: Database
) -> None:
    supervised(NO_ROOM)
    behind = train(512)
    with database.write() as session:
        found = leases.acquire(session, "train", 60, max_attempts=1, free_bytes=1000)
    assert found is not None
    assert found.id == behind


def test_a_child_is_stopped_when_the_disk_gets_low(
    supervised: Callable[[str], Job], context: WorkerContext
) -> None:
    context.disk = Disk(context.settings.model_copy(update={"min_free_bytes": 2**60}))
    assert_parked(supervised(ENDLESS))


def test_a_child_that_a_low_disk_has_killed_is_not_taken_for_crashed(
    supervised: Callable[[str], Job], context: WorkerContext
) -> None:
    context.disk = Disk(context.settings.model_copy(update={"min_free_bytes": 2**60}))
    assert_parked(supervised("import os, signal; os.kill(os.getpid(), signal.SIGBUS)"))


@pytest.mark.parametrize(
    "error", [DiskFull(Path("state"), 10), OSError(errno.EDQUOT, "Disk quota exceeded")]
)
def test_what_cannot_be_stored_parks_the_job(
    supervised: Callable[[str], Job], monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def full(*_: Any) -> None:
        raise error

    monkeypatch.setattr(Child, "handle", full)
    assert_parked(supervised(STATE + ENDLESS))


def test_a_parked_job_that_is_paused_no_longer_waits_for_room(
    supervised: Callable[[str], Job], database: Database
) -> None:
    job = supervised(NO_ROOM)
    with database.write() as session:
        paused = jobs.request_stop(session, job.id, jobs.Stop.PAUSE)
    assert (paused.status, paused.error, paused.room_needed) == (Status.PAUSED, None, None)


def test_a_worker_that_was_fenced_parks_nothing(
    train: Callable[..., str], database: Database
) -> None:
    train(512)
    with database.write() as session:
        job = leases.acquire(session, "train", lease_seconds=60, max_attempts=3)
    assert job is not None
    with pytest.raises(leases.Fenced), database.write() as session:
        leases.park(session, Claim(job.id, job.epoch - 1), "full", 10)
    with database.read() as session:
        assert jobs.find(session, job.id).status == Status.RUNNING
