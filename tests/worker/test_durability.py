"""A job continues from its last state after any process is killed; nothing is stored twice.

Each test runs a real Celery worker and a real trainer. The takeover from a dead worker, which the
database decides, is tested on SQLite and on PostgreSQL; `tests/domain/test_leases.py` tests every
statement on both.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from celery import Celery
from job_watch import JobWatch, is_alive, trainer_pid
from servers import ON_POSTGRESQL
from sqlalchemy import select

from app.domain import jobs
from app.domain.database import Database
from app.domain.job_states import ENDED, Status, Stop
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Job

pytestmark = pytest.mark.slow

IMAGES = 16_384  # four checkpoints

Train = Callable[..., str]
Watch = Callable[[str], JobWatch]
StartWorker = Callable[[str], subprocess.Popen[bytes]]


def has_state(job: Job) -> bool:
    return job.state_key is not None


def stored_files(store: ObjectStore, job_id: str) -> list[str]:
    return [key for key in store.keys(f"jobs/{job_id}") if key.endswith(".safetensors")]


def assert_finished_without_loss(
    watch: JobWatch, database: Database, store: ObjectStore, starts: int
) -> None:
    job = watch.until_ended()
    assert (job.status, job.error) == (Status.SUCCEEDED, None)
    assert job.progress["images_seen"] == IMAGES
    resumed = [event["images_seen"] for event in watch.events("state") if "device" in event]
    assert len(resumed) == starts
    assert resumed[0] == 0
    assert all(seen > 0 for seen in resumed[1:]), "started from zero"
    with database.read() as session:
        checkpoints = session.scalars(select(Checkpoint).order_by(Checkpoint.number)).all()
    assert [checkpoint.images_seen for checkpoint in checkpoints] == [4096, 8192, 12288, 16384]
    samples = [event["images_seen"] for event in watch.events("sample")]
    assert samples == [0, 4096, 8192, 12288, 16384]
    deadline = time.monotonic() + 10  # leftovers are deleted after the end of the job
    while stored_files(store, job.id) != sorted(checkpoint.key for checkpoint in checkpoints):
        assert time.monotonic() < deadline, "an orphaned or a lost object"
        time.sleep(0.1)


@ON_POSTGRESQL
def test_a_killed_trainer_continues_from_its_last_state(
    train: Train, watch: Watch, start_worker: StartWorker, database: Database, store: ObjectStore
) -> None:
    job = watch(train(IMAGES))
    worker = start_worker("train")
    job.until(has_state)
    pid = trainer_pid(worker)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert_finished_without_loss(job, database, store, starts=2)


def test_the_trainer_of_a_killed_worker_ends_and_another_worker_continues(
    train: Train, watch: Watch, start_worker: StartWorker, database: Database, store: ObjectStore
) -> None:
    job = watch(train(IMAGES))
    worker = start_worker("train")
    job.until(has_state)
    trainer = trainer_pid(worker)
    assert trainer is not None
    worker.kill()
    worker.wait()
    start_worker("train")
    assert_finished_without_loss(job, database, store, starts=2)
    assert not is_alive(trainer)


@ON_POSTGRESQL
def test_a_stopped_worker_gives_its_job_back_with_its_state(
    train: Train, watch: Watch, start_worker: StartWorker, database: Database, store: ObjectStore
) -> None:
    job = watch(train(IMAGES))
    worker = start_worker("train")
    job.until(lambda job: job.progress["images_seen"] > 0)
    worker.terminate()
    assert worker.wait() == 0
    returned = job.read()
    assert (returned.status, returned.attempt) == (Status.QUEUED, 0)
    assert returned.state_key is not None
    start_worker("train")
    assert_finished_without_loss(job, database, store, starts=2)


@ON_POSTGRESQL
def test_pause_stores_the_state_and_resume_continues(
    train: Train, watch: Watch, start_worker: StartWorker, database: Database, store: ObjectStore
) -> None:
    job = watch(train(IMAGES))
    start_worker("train")
    job.until(lambda job: job.progress["images_seen"] > 0)
    with database.write() as session:
        jobs.request_stop(session, job.id, Stop.PAUSE)
    paused = job.until(lambda job: job.status == Status.PAUSED)
    assert paused.state_key is not None
    with database.write() as session:
        jobs.resume(session, job.id)
    assert_finished_without_loss(job, database, store, starts=2)


@ON_POSTGRESQL
def test_a_failed_and_a_cancelled_job_do_not_stop_the_next(
    train: Train,
    watch: Watch,
    start_worker: StartWorker,
    database: Database,
    store: ObjectStore,
    valkey_url: str,
) -> None:
    broken, endless, healthy = watch(train(512)), watch(train(10_000_000)), watch(train(512))
    with database.write() as session:
        config: dict[str, Any] = broken.read().config | {"shape": [64, 64, 1]}
        jobs.find(session, broken.id).config = config
    start_worker("train")
    failed = broken.until_ended()
    assert failed.status == Status.FAILED
    assert failed.error is not None
    assert "(28, 28, 1)" in failed.error
    endless.until(lambda job: job.progress["images_seen"] > 0)
    with Celery("client", broker=valkey_url, set_as_current=False) as client:
        assert len(client.control.ping(timeout=3)) == 1  # a busy worker answers
    cancelled_at = time.monotonic()
    with database.write() as session:
        jobs.request_stop(session, endless.id, Stop.CANCEL)
    endless.until(lambda job: job.status == Status.CANCELLED, seconds=10)
    assert time.monotonic() - cancelled_at < 10
    assert healthy.until_ended().status == Status.SUCCEEDED
    assert not [key for key in stored_files(store, endless.id) if "/state-" in key]


@ON_POSTGRESQL
def test_a_trainer_killed_at_every_start_fails_at_the_attempt_cap_with_its_signal(
    train: Train, watch: Watch, start_worker: StartWorker
) -> None:
    job = watch(train(10_000_000))
    worker = start_worker("train")
    killed: set[int] = set()
    deadline = time.monotonic() + 60
    while job.read().status not in ENDED and time.monotonic() < deadline:
        pid = trainer_pid(worker)
        if pid is not None and pid not in killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        time.sleep(0.02)
    ended = job.read()
    assert (ended.status, len(killed)) == (Status.FAILED, 3)
    assert ended.error is not None
    assert "signal 9 (SIGKILL): probably out of memory" in ended.error
