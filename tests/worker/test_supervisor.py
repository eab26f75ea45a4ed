"""The supervisor: it keeps its lease while it stores, and tries again what may go well."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.domain import jobs, leases, registry
from app.domain.database import Database
from app.domain.job_states import Status
from app.domain.settings import Settings
from app.domain.tables import Job
from worker import supervisor
from worker.context import WorkerContext
from worker.kinds.train import Train

pytestmark = pytest.mark.slow

MODULE = "stand_in_trainer"


class SlowlyStored(Train):
    """Its child is done at once; to store what it made takes longer than a lease."""

    module = MODULE

    def conclude(self) -> None:
        time.sleep(self.context.settings.lease_seconds * 1.5)
        with self.context.database.write() as session:
            leases.reap(session, max_attempts=3)  # as any other worker does, now and then


@pytest.fixture
def context(settings: Settings) -> Iterator[WorkerContext]:
    context = WorkerContext.from_settings(settings)
    yield context
    context.notifier.close()
    context.database.close()


def claim(database: Database) -> Job:
    with database.write() as session:
        job = leases.claim(session, "train", lease_seconds=4, max_attempts=3)
    assert job is not None
    return job


def use_child(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / f"{MODULE}.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setitem(supervisor.KINDS, "train", SlowlyStored)


def test_the_lease_is_kept_while_results_are_stored(
    train: Callable[..., str],
    context: WorkerContext,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_child('print(\'{"event": "finished"}\')', tmp_path, monkeypatch)
    job_id = train(512)
    supervisor.supervise(context, claim(database))
    with database.read() as session:
        job = jobs.find(session, job_id)
    assert (job.status, job.error, job.epoch) == (Status.SUCCEEDED, None, 1)


def test_a_child_that_breaks_without_saying_why_is_tried_again_and_then_quoted(
    train: Callable[..., str],
    context: WorkerContext,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_child("raise OSError(28, 'No space left on device')", tmp_path, monkeypatch)
    job_id = train(512)
    seen = []
    for _ in range(3):
        supervisor.supervise(context, claim(database))
        with database.read() as session:
            job = jobs.find(session, job_id)
        seen.append((job.status, job.attempt))
    assert seen == [(Status.QUEUED, 1), (Status.QUEUED, 2), (Status.FAILED, 3)]
    assert job.error is not None
    assert "No space left on device" in job.error
    assert not list(context.settings.runs.iterdir())


def test_a_training_whose_last_checkpoint_has_no_scores_has_not_succeeded(
    train: Callable[..., str],
    context: WorkerContext,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
for seen, unscored in ((256, None), (512, "ScoreError: it is broken")):
    (folder / f"{seen}").write_bytes(b"weights")
    print(json.dumps({"event": "checkpoint", "images_seen": seen, "path": str(seen), "bytes": 7,
                      "sha256": "", "metrics": None, "unscored": unscored}))
print(json.dumps({"event": "finished"}))
"""
    use_child(program, tmp_path, monkeypatch)
    job_id = train(512)
    supervisor.supervise(context, claim(database))
    with database.read() as session:
        job = jobs.find(session, job_id)
        assert registry.resolve_checkpoint(session, "digits").images_seen == 512
    assert job.status == Status.FAILED
    assert job.error is not None
    assert job.error.startswith(
        "its last checkpoint could not be scored (ScoreError: it is broken)"
    )
