"""The export of a checkpoint that an older version stored: by a real child process, once."""

import hashlib
import threading
from collections.abc import Callable
from typing import Any

import pytest
from servers import ON_POSTGRESQL

from app.domain import jobs, leases, registry
from app.domain.database import Database
from app.domain.export import ensure_exported
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_states import Status
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Job
from benchmarks.harness.random_models import onnx_bytes, register, store_checkpoint
from models.config import TrainingConfig
from worker import supervisor
from worker.child import Child
from worker.context import WorkerContext

pytestmark = [pytest.mark.slow, ON_POSTGRESQL]

Export = Callable[[], Job]


@pytest.fixture
def old(database: Database, store: ObjectStore) -> GeneratorCheckpoint:
    """A checkpoint as an older version stored it: without its ONNX file."""
    checkpoint = register(database, store_checkpoint(store))
    store.delete(checkpoint.onnx_key)
    with database.write() as session:
        row = registry.find_checkpoint(session, checkpoint.id)
        row.onnx_sha256 = row.onnx_bytes = None
    return checkpoint


@pytest.fixture
def export(
    database: Database, settings: Settings, context: WorkerContext, old: GeneratorCheckpoint
) -> Export:
    """Asks for the export, and supervises the next attempt of its job."""

    def run() -> Job:
        asked = ensure_exported(database, settings, old.id)
        assert asked is not None
        with database.write() as session:
            claimed = leases.acquire(session, "light", lease_seconds=60, max_attempts=3)
        assert claimed is not None
        supervisor.supervise(context, claimed)
        with database.read() as session:
            return jobs.find(session, asked.id)

    return run


def row_of(database: Database, checkpoint: GeneratorCheckpoint) -> Checkpoint:
    with database.read() as session:
        return registry.find_checkpoint(session, checkpoint.id)


def test_a_killed_child_is_started_again_and_its_file_equals_that_of_a_training(
    export: Export,
    database: Database,
    store: ObjectStore,
    old: GeneratorCheckpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(Child):
        def next_event(self, timeout: float) -> dict[str, Any] | None:
            self.kill()
            return super().next_event(timeout)

    with monkeypatch.context() as patched:
        patched.setattr(supervisor, "Child", Killed)
        assert export().status == Status.QUEUED
    assert row_of(database, old).onnx_sha256 is None
    job = export()
    assert (job.status, job.error, job.epoch) == (Status.SUCCEEDED, None, 2)
    expected = onnx_bytes(TrainingConfig(width=8), 1)
    assert store.get_bytes(old.onnx_key) == expected
    row = row_of(database, old)
    assert row.onnx_sha256 == hashlib.sha256(expected).hexdigest()
    assert row.onnx_bytes == len(expected)


def test_a_failed_export_says_why_and_the_next_request_tries_again(
    export: Export, database: Database, store: ObjectStore, old: GeneratorCheckpoint
) -> None:
    whole = store.get_bytes(old.key)
    store.put_bytes(old.key, whole[:1000])
    failed = export()
    assert failed.status == Status.FAILED
    assert failed.error is not None
    assert "cannot be read as a checkpoint" in failed.error
    assert store.keys("checkpoints") == [old.key]
    store.put_bytes(old.key, whole)
    again = export()
    assert again.id != failed.id
    assert again.status == Status.SUCCEEDED
    assert row_of(database, old).onnx_sha256 is not None


def test_two_workers_with_the_same_export_leave_one_whole_file(
    database: Database,
    settings: Settings,
    store: ObjectStore,
    context: WorkerContext,
    old: GeneratorCheckpoint,
) -> None:
    """The lease of the first worker has run out, but the worker still runs."""
    assert ensure_exported(database, settings, old.id) is not None
    claimed = []
    for lease in (-1.0, 60.0):
        with database.write() as session:
            leases.reap(session, max_attempts=3)
            job = leases.acquire(session, "light", lease, max_attempts=3)
        assert job is not None
        claimed.append(job)
    workers = [
        threading.Thread(target=supervisor.supervise, args=(context, job)) for job in claimed
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    row = row_of(database, old)
    assert hashlib.sha256(store.get_bytes(old.onnx_key)).hexdigest() == row.onnx_sha256
    with database.read() as session:
        assert jobs.find(session, claimed[0].id).status == Status.SUCCEEDED
