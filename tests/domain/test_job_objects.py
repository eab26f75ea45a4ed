"""What jobs leave in the store, and that nobody deletes what another still needs."""

from pathlib import Path

import pytest

from app.domain import jobs
from app.domain.database import Database
from app.domain.job_objects import checkpoint_key, delete_leftovers, delete_older_states, state_key
from app.domain.leases import Claim
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Job, Model


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(Settings(home=tmp_path))


def put(store: ObjectStore, *keys: str) -> None:
    for key in keys:
        store.put_bytes(key, b"")


def test_a_worker_that_was_fenced_leaves_its_successors_states_alone(store: ObjectStore) -> None:
    put(store, *(state_key("j", epoch, 64 * epoch) for epoch in (1, 2, 10)))
    delete_older_states(store, Claim("j", epoch=2), newest=state_key("j", 2, 128))
    assert store.keys("jobs/j") == [state_key("j", 10, 640), state_key("j", 2, 128)]


def test_an_ended_training_keeps_its_samples_and_registered_checkpoints(
    store: ObjectStore, database: Database
) -> None:
    with database.write() as session:
        job = jobs.create(session, kind="train", config={}, max_queued=9, model="cats")
        session.add(Model(name="cats"))
        session.flush()
        kept = checkpoint_key(job.id, 1, 64)
        session.add(
            Checkpoint(
                id="c",
                model="cats",
                job=job.id,
                images_seen=64,
                config={},
                key=kept,
                sha256="",
                bytes=0,
            )
        )
    sample = f"jobs/{job.id}/samples/64.png"
    put(store, kept, sample, state_key(job.id, 2, 128), checkpoint_key(job.id, 2, 128))
    delete_leftovers(database, store, job)
    assert store.keys(f"jobs/{job.id}") == sorted([kept, sample])


def test_an_ended_ingest_leaves_neither_its_upload_nor_what_a_fenced_attempt_packed(
    store: ObjectStore, database: Database
) -> None:
    job = Job(id="j", kind="ingest", config={"dataset_id": "d"})
    put(
        store,
        "uploads/d/000000",
        "uploads/d/sources.json",
        "datasets/d/1/images.npy",
        "uploads/e/0",
    )
    delete_leftovers(database, store, job)
    assert store.keys("uploads") == ["uploads/e/0"]
    assert store.keys("datasets") == []
