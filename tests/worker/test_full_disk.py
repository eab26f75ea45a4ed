"""A worker whose disk is full parks its job, and continues it when there is room."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers import ON_POSTGRESQL

from app.domain import events, jobs, leases
from app.domain.database import Database
from app.domain.disk import Disk
from app.domain.job_objects import state_key
from app.domain.job_states import Status, Stop
from app.domain.leases import Claim
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


class StandInTrainer(Train):
    module = MODULE


@pytest.fixture
def supervised(
    train: Callable[..., str],
    context: WorkerContext,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], Job]:
    """Supervises a new training with `program` as its child, in its last attempt."""

    def run(program: str) -> Job:
        (tmp_path / f"{MODULE}.py").write_text(program)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setitem(supervisor.KINDS, "train", StandInTrainer)
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


@ON_POSTGRESQL
def test_a_child_without_disk_space_costs_no_attempt_and_keeps_the_last_state(
    supervised: Callable[[str], Job], database: Database
) -> None:
    job = supervised(STATE + NO_ROOM)
    assert_parked(job)
    assert job.state_key == state_key(job.id, 1, 64)
    with database.read() as session:
        state = events.of_type(session, job.id, "state")[-1].data
    assert (state["status"], state["error"]) == ("queued", job.error)


def test_a_parked_job_is_claimed_when_there_is_enough_room_and_then_has_no_error(
    supervised: Callable[[str], Job], database: Database
) -> None:
    needed = supervised(NO_ROOM).room_needed
    assert needed is not None
    for free, claimed in ((needed - 1, False), (needed, True)):
        with database.read() as session:
            assert jobs.has_queued(session, "train", free) is claimed
        with database.write() as session:
            job = leases.acquire(session, "train", 60, max_attempts=1, free_bytes=free)
        assert (job is not None) is claimed
    assert job is not None
    assert (job.status, job.attempt, job.error, job.room_needed) == (
        "running",
        1,
        None,
        None,
    )


def test_a_parked_job_does_not_delay_the_jobs_behind_it(
    supervised: Callable[[str], Job], train: Callable[..., str], database: Database
) -> None:
    supervised(NO_ROOM)
    behind = train(512)
    with database.write() as session:
        job = leases.acquire(session, "train", 60, max_attempts=1, free_bytes=1000)
    assert job is not None
    assert job.id == behind


@ON_POSTGRESQL
def test_a_child_is_stopped_when_the_disk_gets_low(
    supervised: Callable[[str], Job], context: WorkerContext
) -> None:
    context.disk = Disk(context.settings.model_copy(update={"min_free_bytes": 2**60}))
    assert_parked(supervised(ENDLESS))


@ON_POSTGRESQL
def test_a_child_killed_by_a_low_disk_does_not_count_as_crashed(
    supervised: Callable[[str], Job], context: WorkerContext
) -> None:
    context.disk = Disk(context.settings.model_copy(update={"min_free_bytes": 2**60}))
    assert_parked(supervised("import os, signal; os.kill(os.getpid(), signal.SIGBUS)"))


@ON_POSTGRESQL
@pytest.mark.parametrize(
    "error", [DiskFull(Path("state"), 10), OSError(errno.EDQUOT, "Disk quota exceeded")]
)
def test_a_result_that_cannot_be_stored_parks_the_job(
    supervised: Callable[[str], Job], monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def full(*_: Any) -> None:
        raise error

    monkeypatch.setattr(StandInTrainer, "handle", full)
    assert_parked(supervised(STATE + ENDLESS))


def test_a_paused_job_no_longer_waits_for_room(
    supervised: Callable[[str], Job], database: Database
) -> None:
    job = supervised(NO_ROOM)
    with database.write() as session:
        paused = jobs.request_stop(session, job.id, Stop.PAUSE)
    assert (paused.status, paused.error, paused.room_needed) == (Status.PAUSED, None, None)


def test_a_fenced_worker_cannot_park_its_job(train: Callable[..., str], database: Database) -> None:
    train(512)
    with database.write() as session:
        job = leases.acquire(session, "train", lease_seconds=60, max_attempts=3)
    assert job is not None
    with pytest.raises(leases.Fenced), database.write() as session:
        leases.park(session, Claim(job.id, job.epoch - 1), "full", 10)
    with database.read() as session:
        assert jobs.find(session, job.id).status == Status.RUNNING
