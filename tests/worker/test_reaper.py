"""The reaper: jobs and files of dead workers."""

from collections.abc import Callable

from app.domain import jobs, leases
from app.domain.database import Database
from app.domain.job_objects import state_key
from app.domain.job_states import Status, Stop
from app.domain.store import ObjectStore
from worker.context import WorkerContext
from worker.reaper import reap, sweep_run_dirs


def test_a_job_whose_worker_died_is_cancelled_and_its_states_are_deleted(
    train: Callable[..., str], context: WorkerContext, database: Database, store: ObjectStore
) -> None:
    job_id = train(512)
    store.put_bytes(state_key(job_id, 1, 64), b"state")
    with database.write() as session:
        leases.acquire(session, "train", lease_seconds=-1, max_attempts=3)
        jobs.request_stop(session, job_id, Stop.CANCEL)
    reap(context, ["train"])
    with database.read() as session:
        assert jobs.find(session, job_id).status == Status.CANCELLED
    assert store.keys(f"jobs/{job_id}") == []


def test_only_run_folders_of_running_jobs_are_kept(
    train: Callable[..., str], context: WorkerContext, database: Database
) -> None:
    job_id = train(512)
    with database.write() as session:
        leases.acquire(session, "train", lease_seconds=60, max_attempts=3)
    for name in (f"{job_id}-1", f"{job_id}-0", "gone-1"):
        (context.settings.runs / name).mkdir(parents=True)
    sweep_run_dirs(context)
    assert [folder.name for folder in context.settings.runs.iterdir()] == [f"{job_id}-1"]
