"""A file computed from a checkpoint: made by one job, counted and deleted with the checkpoint."""

import pytest
from queued_jobs import read_job, try_claim_job

from app.domain import jobs, leases, registry
from app.domain.checkpoint_files import (
    add_file,
    computed_file_key,
    ensure_job,
    find_file,
    has_file,
    queue_job,
)
from app.domain.cleanup import sweep_objects
from app.domain.database import Database
from app.domain.errors import Conflict, NotFound
from app.domain.job_objects import checkpoint_key, delete_leftovers
from app.domain.job_states import JobKind, Status
from app.domain.leases import Claim, Fenced
from app.domain.retention import delete_superseded
from app.domain.settings import MIB, Settings
from app.domain.store import ObjectStore
from app.domain.tables import CheckpointFile, Job

NO_AGE = -60.0  # seconds: objects that were just written are old enough
INDEX_BYTES = MIB


def add_checkpoint(database: Database, store: ObjectStore, claim: Claim, images_seen: int) -> str:
    key = checkpoint_key(claim.job_id, claim.epoch, images_seen)
    store.put_bytes(key, b"weights")
    with database.write() as session:
        stored = registry.add_checkpoint(
            session, claim, images_seen=images_seen, key=key, sha256="", size=5
        )
    return stored.id


@pytest.fixture
def checkpoint(database: Database, store: ObjectStore, claim: Claim) -> str:
    """The id of the checkpoint of a training that is still running."""
    return add_checkpoint(database, store, claim, 64)


def ensure(database: Database, checkpoint_id: str, kind: JobKind = JobKind.INDEX) -> Job | None:
    return ensure_job(database, Settings(), checkpoint_id, kind, lambda row: has_file(row, kind))


def claim_light(database: Database) -> Claim:
    claim = try_claim_job(database, queue="light")
    assert claim is not None
    return claim


def compute(database: Database, store: ObjectStore) -> str:
    """Compute the index as a worker does; return its key."""
    claim = claim_light(database)
    key = computed_file_key(claim, JobKind.INDEX, ".bin")
    store.put_bytes(key, b"index")
    with database.write() as session:
        details = {"samples": 7}
        add_file(
            session, claim, JobKind.INDEX, key=key, sha256="ab", size=INDEX_BYTES, details=details
        )
        leases.end(session, claim, Status.SUCCEEDED)
    delete_leftovers(database, store, read_job(database, claim.job_id))
    return key


def test_one_job_at_a_time_computes_each_kind_and_none_once_it_is_stored(
    database: Database, store: ObjectStore, checkpoint: str
) -> None:
    first, second = ensure(database, checkpoint), ensure(database, checkpoint)
    encoder = ensure(database, checkpoint, JobKind.ENCODER)
    assert first is not None
    assert second is not None
    assert encoder is not None
    assert first.id == second.id != encoder.id
    assert (first.kind, first.queue, first.model) == ("index", "light", "cats")
    key = compute(database, store)
    assert ensure(database, checkpoint) is None
    with database.read() as session:
        file = find_file(session, checkpoint, JobKind.INDEX)
        assert find_file(session, checkpoint, JobKind.ENCODER) is None
        row = registry.find_checkpoint(session, checkpoint)
    assert file is not None
    assert (file.key, file.bytes, file.details) == (key, INDEX_BYTES, {"samples": 7})
    assert row.stored_bytes == 5 + INDEX_BYTES
    assert key in row.objects


def queue_in_background(database: Database, checkpoint: str) -> Job:
    with database.write() as session:
        job = queue_job(
            session, checkpoint, JobKind.INDEX, lambda _: False, max_queued=9, background=True
        )
    assert job is not None
    return job


def test_a_job_in_the_background_no_longer_gives_way_once_it_is_requested(
    database: Database, checkpoint: str
) -> None:
    job = queue_in_background(database, checkpoint)
    assert queue_in_background(database, checkpoint).id == job.id
    assert read_job(database, job.id).config == {"background": True}
    ensure(database, checkpoint)
    assert read_job(database, job.id).config == {}
    assert queue_in_background(database, checkpoint).config == {}


def test_a_running_job_in_the_background_stays_there(database: Database, checkpoint: str) -> None:
    job = queue_in_background(database, checkpoint)
    claim_light(database)
    ensure(database, checkpoint)
    assert read_job(database, job.id).config == {"background": True}


def test_after_a_failed_job_the_next_request_queues_another(
    database: Database, checkpoint: str
) -> None:
    first = ensure(database, checkpoint)
    with database.write() as session:
        leases.end(session, claim_light(database), Status.FAILED, "no memory")
    second = ensure(database, checkpoint)
    assert first is not None
    assert second is not None
    assert first.id != second.id


def test_a_stored_file_survives_the_sweep_and_is_deleted_with_its_model(
    database: Database, store: ObjectStore, claim: Claim, checkpoint: str
) -> None:
    ensure(database, checkpoint)
    key = compute(database, store)
    assert store.get_bytes(key) == b"index"  # the end of its job has left it
    assert sweep_objects(database, store, NO_AGE) == []
    with database.write() as session:
        leases.end(session, claim, Status.SUCCEEDED)
        assert key in registry.delete_model(session, "cats")
    with database.read() as session:
        assert session.query(CheckpointFile).all() == []
    assert key in sweep_objects(database, store, NO_AGE)  # the process was killed before it deleted


def test_a_file_without_a_row_is_deleted_when_its_job_ends(
    database: Database, store: ObjectStore, checkpoint: str
) -> None:
    job = ensure(database, checkpoint)
    assert job is not None
    claim = claim_light(database)
    key = computed_file_key(claim, JobKind.INDEX, ".bin")
    store.put_bytes(key, b"index")
    with database.write() as session:
        leases.end(session, claim, Status.FAILED, "it broke")
    delete_leftovers(database, store, read_job(database, job.id))
    assert store.keys(f"jobs/{job.id}") == []


def test_the_budget_of_a_training_counts_the_file_and_frees_it_with_its_checkpoint(
    database: Database, store: ObjectStore, claim: Claim, checkpoint: str
) -> None:
    ensure(database, checkpoint)
    key = compute(database, store)
    add_checkpoint(database, store, claim, 128)
    with database.write() as session:
        assert delete_superseded(session, claim, Settings(checkpoint_budget_mb=2)) == []
        assert key in delete_superseded(session, claim, Settings(checkpoint_budget_mb=1))
    with database.read() as session:
        assert session.query(CheckpointFile).all() == []


def test_a_fenced_worker_adds_no_file(database: Database, checkpoint: str) -> None:
    ensure(database, checkpoint)
    claim = claim_light(database)
    old = Claim(claim.job_id, claim.epoch - 1)
    with pytest.raises(Fenced), database.write() as session:
        add_file(session, old, JobKind.INDEX, key="k", sha256="", size=1, details={})


def test_deleting_a_model_cancels_the_jobs_that_compute_its_files(
    database: Database, claim: Claim, checkpoint: str
) -> None:
    running = ensure(database, checkpoint)
    light = claim_light(database)
    waiting = ensure(database, checkpoint, JobKind.ENCODER)
    assert running is not None
    assert waiting is not None
    with pytest.raises(Conflict, match=claim.job_id), database.write() as session:
        registry.delete_model(session, "cats")  # its training still runs
    assert read_job(database, waiting.id).status == Status.QUEUED
    with database.write() as session:
        leases.end(session, claim, Status.SUCCEEDED)
    with database.write() as session:
        registry.delete_model(session, "cats")
    assert read_job(database, waiting.id).status == Status.CANCELLED
    assert read_job(database, running.id).stop_requested == "cancel"
    with pytest.raises(NotFound), database.write() as session:
        add_file(session, light, JobKind.INDEX, key="k", sha256="", size=1, details={})


def test_every_kind_of_job_has_a_queue() -> None:
    assert set(jobs.QUEUE_OF_KIND) == set(JobKind)
