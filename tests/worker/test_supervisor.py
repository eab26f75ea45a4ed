"""The supervisor: its lease, its retries, and the events and log of its job."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from servers import ON_POSTGRESQL

from app.domain import events, jobs, leases, registry
from app.domain.database import Database
from app.domain.job_objects import read_log
from app.domain.job_states import Status
from app.domain.leases import Claim
from app.domain.tables import Job
from worker import supervisor
from worker.context import WorkerContext
from worker.kinds.train import Train

pytestmark = pytest.mark.slow

MODULE = "stand_in_trainer"

Supervised = Callable[..., list[Job]]


class SlowlyStored(Train):
    """Its child finishes at once, but storing the results takes longer than a lease."""

    module = MODULE

    def store_results(self) -> None:
        time.sleep(self.context.settings.lease_seconds * 1.5)
        with self.context.database.write() as session:
            leases.reap(session, max_attempts=3)  # as every other worker does regularly


@pytest.fixture
def supervised(
    train: Callable[..., str],
    context: WorkerContext,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Supervised:
    """Queues a training, and supervises it `times` times with `program` as its child."""

    def run(program: str, times: int = 1, kind: type[Train] = SlowlyStored) -> list[Job]:
        (tmp_path / f"{MODULE}.py").write_text(program)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setitem(supervisor.KINDS, "train", kind)
        job_id, after = train(512), []
        for _ in range(times):
            with database.write() as session:
                claimed = leases.acquire(session, "train", lease_seconds=4, max_attempts=3)
            assert claimed is not None
            supervisor.supervise(context, claimed)
            with database.read() as session:
                after.append(jobs.find(session, job_id))
        assert not list(context.settings.runs.iterdir())
        return after

    return run


def test_the_lease_is_kept_while_results_are_stored(supervised: Supervised) -> None:
    (job,) = supervised('print(\'{"event": "finished"}\')')
    assert (job.status, job.error, job.epoch) == (Status.SUCCEEDED, None, 1)


@ON_POSTGRESQL
def test_without_the_extra_the_job_fails_at_once_with_the_remedy(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (job,) = supervised('print(\'{"event": "finished"}\')')
    assert (job.status, job.attempt) == (Status.FAILED, 1)
    assert job.error == (
        "a job of kind train needs the extra train (not installed: torch): "
        "pip install 'moggy[train]' on the machine of the worker"
    )


@ON_POSTGRESQL
def test_a_child_that_crashes_is_tried_again_and_then_quoted(
    supervised: Supervised,
) -> None:
    attempts = supervised("raise OSError(28, 'No space left on device')", times=3)
    assert [(job.status, job.attempt) for job in attempts] == [
        (Status.QUEUED, 1),
        (Status.QUEUED, 2),
        (Status.FAILED, 3),
    ]
    assert attempts[-1].error is not None
    assert "No space left on device" in attempts[-1].error


class InBackground(SlowlyStored):
    @property
    def background(self) -> bool:
        return True


@ON_POSTGRESQL
def test_the_child_of_a_kind_in_the_background_gives_way(supervised: Supervised) -> None:
    program = """
import json, os
print(json.dumps({"event": "failed", "error": f"policy {os.sched_getscheduler(0)}"}))
"""
    (job,) = supervised(program, kind=InBackground)
    assert job.error == f"policy {os.SCHED_IDLE}"


class QuicklyStalled(SlowlyStored):
    """Its child is killed after a second without an event."""

    stall_seconds = 1.0

    def store_results(self) -> None:
        pass


@ON_POSTGRESQL
def test_a_child_without_progress_is_killed_and_not_tried_again(
    supervised: Supervised,
) -> None:
    started_at = time.monotonic()
    (job,) = supervised(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(99)",
        kind=QuicklyStalled,
    )
    assert time.monotonic() - started_at < 30
    assert (job.status, job.attempt) == (Status.FAILED, 1)
    assert job.error == "no progress for 1 s: its process was ended"
    assert job.error_facts == {"kind": "stalled", "seconds": 1.0}


@ON_POSTGRESQL
def test_a_child_that_sends_events_is_not_killed(supervised: Supervised) -> None:
    (job,) = supervised(
        """
import json, time
for seen in range(8):
    print(json.dumps({"event": "health", "signal": "oscillation", "images_seen": seen, "value": 1,
                      "threshold": 0, "says": "", "suggests": "", "rollbacks": 0}), flush=True)
    time.sleep(0.25)
print(json.dumps({"event": "finished"}))
""",
        kind=QuicklyStalled,
    )
    assert (job.status, job.error) == (Status.SUCCEEDED, None)


@ON_POSTGRESQL
def test_a_repeated_finding_is_one_event_and_another_one_after_a_rollback(
    supervised: Supervised, database: Database
) -> None:
    (job,) = supervised("""
import json
for rollbacks in (0, 0, 1):
    print(json.dumps({"event": "health", "signal": "oscillation", "images_seen": 64, "value": 1,
                      "threshold": 0, "says": "so", "suggests": "that", "rollbacks": rollbacks}))
print(json.dumps({"event": "failed", "error": "it was to end"}))
""")
    with database.read() as session:
        findings = events.of_type(session, job.id, "health")
    assert len(findings) == 2
    assert findings[0].data == findings[1].data
    assert set(findings[0].data) == {
        *("signal", "images_seen", "value", "threshold", "says", "suggests", "message"),
    }


@ON_POSTGRESQL
def test_a_training_without_scores_of_its_last_checkpoint_fails(
    supervised: Supervised, database: Database
) -> None:
    (job,) = supervised("""
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
for seen, unscored in ((256, None), (512, "ScoreError: it is broken")):
    for file in (f"{seen}", f"{seen}.onnx"):
        (folder / file).write_bytes(b"weights")
    print(json.dumps({"event": "checkpoint", "images_seen": seen, "path": str(seen), "bytes": 7,
                      "sha256": "", "onnx_path": f"{seen}.onnx", "onnx_bytes": 7,
                      "onnx_sha256": "", "metrics": None, "unscored": unscored}))
print(json.dumps({"event": "finished"}))
""")
    assert job.status == Status.FAILED
    assert job.error is not None
    assert job.error.startswith(
        "its last checkpoint could not be scored (ScoreError: it is broken)"
    )
    with database.read() as session:
        assert registry.resolve_checkpoint(session, "digits").images_seen == 512


WARNS_AND_FAILS = """
import json, sys
print("a warning of a library", file=sys.stderr, flush=True)
print(json.dumps({"event": "failed", "error": "no loss is a number"}), flush=True)
"""


@ON_POSTGRESQL
def test_the_log_of_a_job_has_the_lines_of_its_child_and_its_worker(
    supervised: Supervised, context: WorkerContext
) -> None:
    (job,) = supervised(WARNS_AND_FAILS)
    started, warning, ended = read_log(context.store, job.id).splitlines()
    assert started.endswith("train begins, attempt 1 (epoch 1)")
    assert warning == "a warning of a library"
    assert ended.endswith("the child process has failed: no loss is a number")


@ON_POSTGRESQL
def test_the_next_attempt_keeps_the_log_of_a_killed_worker(
    context: WorkerContext,
) -> None:
    runs = context.settings.runs
    claimed = Claim("j", 2)
    (runs / "j-1").mkdir(parents=True)
    (runs / "j-1" / "log.txt").write_text("CUDA out of memory\n")
    supervisor.make_run_dir(context.store, runs / "j-2", claimed)
    text = read_log(context.store, "j")
    assert text.startswith("CUDA out of memory\n")
    assert "was killed" in text
    assert [path.name for path in runs.iterdir()] == ["j-2"]
