"""A checkpoint without an ONNX file is exported by one job at a time."""

import threading

import pytest
from queued_jobs import read_job, try_claim_job

from app.domain import jobs, leases, registry
from app.domain.database import Database
from app.domain.errors import Conflict, NotFound, QueueFull
from app.domain.export import add_onnx_file, ensure_exported
from app.domain.job_states import Status
from app.domain.leases import Claim, Fenced
from app.domain.settings import Settings
from app.domain.tables import Checkpoint, Job


@pytest.fixture
def old(database: Database, claim: Claim) -> str:
    """The id of a checkpoint that an older version stored."""
    with database.write() as session:
        stored = registry.add_checkpoint(
            session, claim, images_seen=64, key="k.safetensors", sha256="", size=5
        )
        leases.end(session, claim, Status.SUCCEEDED)
    return stored.id


def ensure(database: Database, checkpoint: str, **settings: int) -> Job | None:
    return ensure_exported(database, Settings(**settings), checkpoint)  # type: ignore[arg-type]


def finish(database: Database) -> None:
    """Export as a worker does."""
    claim = try_claim_job(database, queue="light")
    assert claim is not None
    with database.write() as session:
        add_onnx_file(session, claim, "ab", 7)
        leases.end(session, claim, Status.SUCCEEDED)


def test_requests_at_the_same_time_share_one_job(database: Database, old: str) -> None:
    together, ids = threading.Barrier(4), list[str]()

    def request() -> None:
        together.wait(10)
        job = ensure(database, old)
        assert job is not None
        ids.append(job.id)

    threads = [threading.Thread(target=request) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 4
    (job_id,) = set(ids)
    job = read_job(database, job_id)
    assert (job.kind, job.queue, job.model, job.checkpoint) == ("export", "light", "cats", old)


def test_an_exported_checkpoint_has_both_files_and_needs_no_further_job(
    database: Database, old: str
) -> None:
    assert ensure(database, old) is not None
    finish(database)
    assert ensure(database, old) is None
    with database.read() as session:
        checkpoint = registry.find_checkpoint(session, old)
    assert (checkpoint.onnx_sha256, checkpoint.onnx_bytes, checkpoint.stored_bytes) == ("ab", 7, 12)


def test_after_a_failed_export_the_next_request_queues_another(
    database: Database, old: str
) -> None:
    first = ensure(database, old)
    claim = try_claim_job(database, queue="light")
    assert first is not None
    assert claim is not None
    with database.write() as session:
        leases.end(session, claim, Status.FAILED, "the pixels differ")
    assert read_job(database, first.id).error == "the pixels differ"
    second = ensure(database, old)
    assert second is not None
    assert second.id != first.id


def test_a_fenced_worker_adds_no_file(database: Database, old: str) -> None:
    ensure(database, old)
    claim = try_claim_job(database, queue="light")
    assert claim is not None
    with pytest.raises(Fenced), database.write() as session:
        add_onnx_file(session, Claim(claim.job_id, claim.epoch - 1), "ab", 7)
    with database.read() as session:
        assert session.query(Checkpoint).one().onnx_sha256 is None


def test_a_model_that_is_exported_cannot_be_deleted(database: Database, old: str) -> None:
    job = ensure(database, old)
    assert job is not None
    with pytest.raises(Conflict, match=job.id), database.write() as session:
        registry.delete_model(session, "cats")


def test_an_unknown_checkpoint_and_a_full_queue_are_refused(database: Database, old: str) -> None:
    with pytest.raises(NotFound, match="no checkpoint 'gone'"):
        ensure(database, "gone")
    with database.write() as session:
        jobs.create(session, kind="ingest", config={}, max_queued=9)
    with pytest.raises(QueueFull):
        ensure(database, old, max_queued_jobs=1)
