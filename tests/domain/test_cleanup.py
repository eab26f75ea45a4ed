"""The sweep deletes leftovers of killed processes, and nothing that is in use."""

import os
import time
from pathlib import Path

import pytest
from queued_jobs import claim_job, queue_job

from app.domain import datasets, leases, registry
from app.domain.cleanup import sweep_incoming, sweep_objects
from app.domain.database import Database
from app.domain.job_objects import checkpoint_key, file_key, sample_key, state_key
from app.domain.job_states import Status
from app.domain.packing import PackingRequest
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import JobFile, Model, onnx_key

NO_AGE = -60.0  # seconds: objects that were just written are old enough


@pytest.fixture
def store(any_store: ObjectStore) -> ObjectStore:
    return any_store


def put(store: ObjectStore, *keys: str) -> None:
    for key in keys:
        store.put_bytes(key, b"bytes")


def test_an_interrupted_deletion_of_a_model_is_completed_and_samples_stay(
    database: Database, store: ObjectStore
) -> None:
    with database.write() as session:
        session.add(Model(name="cats"))
    job_id = queue_job(database, model="cats")
    claim = claim_job(database)
    key, sample = checkpoint_key(job_id, 1, 64), sample_key(job_id, 64)
    files = [onnx_key(key), key]
    put(store, *files, sample)
    with database.write() as session:
        registry.add_checkpoint(session, claim, images_seen=64, key=key, sha256="", size=5)
        leases.end(session, claim, Status.SUCCEEDED)
    assert sweep_objects(database, store, NO_AGE) == []
    with database.write() as session:
        assert sorted(registry.delete_model(session, "cats")) == files
    # The process is killed here, before it deletes the objects.
    assert sorted(sweep_objects(database, store, NO_AGE)) == files
    assert store.keys("jobs") == [sample]


def test_objects_of_an_unfinished_job_are_not_swept(database: Database, store: ObjectStore) -> None:
    job_id = queue_job(database)
    claim = claim_job(database)
    written = [checkpoint_key(job_id, 1, 64), state_key(job_id, 1, 64), file_key(job_id, 1, "a")]
    put(store, *written)
    assert sweep_objects(database, store, NO_AGE) == []
    with database.write() as session:
        session.add(JobFile(job=job_id, name="a", key=written[2], bytes=5, sha256=""))
        leases.end(session, claim, Status.FAILED, "it broke")
    assert sorted(sweep_objects(database, store, NO_AGE)) == sorted(written[:2])
    assert store.keys("jobs") == [written[2]]


def test_an_upload_is_kept_until_its_ingest_ends_and_one_without_a_row_is_swept(
    database: Database, store: ObjectStore
) -> None:
    put(store, "uploads/d1/000000", "uploads/killed/000000", "datasets/d1/1/images.npy")
    put(store, "datasets/killed/1/images.npy")
    with database.write() as session:
        datasets.create(
            session, dataset_id="d1", name="cats", request=PackingRequest(), max_queued=9
        )
    killed = ["datasets/killed/1/images.npy", "uploads/killed/000000"]
    assert sorted(sweep_objects(database, store, NO_AGE)) == killed
    with database.write() as session:
        job = leases.acquire(session, "light", 60, max_attempts=3)
        assert job is not None
        claim = leases.Claim(job.id, job.epoch)
        packed = dict.fromkeys(
            ("images", "shape", "classes", "horizontal_flip", "report", "content_hash", "bytes")
        )
        datasets.complete(session, claim, "datasets/d1/1", packed)
        leases.end(session, claim, Status.SUCCEEDED)
    put(store, "datasets/d1/2/images.npy")  # of a fenced attempt
    swept = ["datasets/d1/2/images.npy", "uploads/d1/000000"]
    assert sorted(sweep_objects(database, store, NO_AGE)) == swept
    assert store.keys("datasets") == ["datasets/d1/1/images.npy"]


def test_a_recent_object_without_a_row_stays(database: Database, store: ObjectStore) -> None:
    put(store, "uploads/new/000000")
    assert sweep_objects(database, store) == []
    assert store.keys("uploads") == ["uploads/new/000000"]


def test_an_upload_in_pieces_is_kept_while_pieces_arrive(
    database: Database, tmp_path: Path
) -> None:
    store = ObjectStore(Settings(home=tmp_path))
    first = ["uploads/a/upload.json", f"uploads/a/{0:016d}-1"]
    put(store, *first)
    for key in first:
        age = time.time() - 90_000
        os.utime(tmp_path / "objects" / key, (age, age))
    put(store, f"uploads/a/{5:016d}-1")
    assert sweep_objects(database, store) == []
    age = time.time() - 87_000
    os.utime(tmp_path / "objects" / f"uploads/a/{5:016d}-1", (age, age))
    assert len(sweep_objects(database, store)) == 3


def test_an_interrupted_upload_is_deleted_and_a_running_one_stays(tmp_path: Path) -> None:
    for name, file_age in (("killed", 90_000), ("received", 10)):
        folder = tmp_path / "incoming" / name
        folder.mkdir(parents=True)
        (folder / "000000").write_bytes(b"part")
        for path, age in ((folder / "000000", file_age), (folder, 90_000)):
            os.utime(path, (time.time() - age, time.time() - age))
    sweep_incoming(tmp_path)
    assert [folder.name for folder in (tmp_path / "incoming").iterdir()] == ["received"]


def test_partial_files_of_killed_processes_are_deleted(tmp_path: Path, database: Database) -> None:
    store = ObjectStore(Settings(home=tmp_path))
    put(store, "datasets/d/1/a")
    folder = tmp_path / "objects" / "datasets" / "d" / "1"
    for name in ("a#1", ".b.partial"):
        (folder / name).write_bytes(b"part")
    sweep_objects(database, store, 60)
    assert len(list(folder.iterdir())) == 3
    sweep_objects(database, store, NO_AGE)
    assert not list(folder.iterdir())
