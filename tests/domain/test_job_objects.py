"""Objects of a job: which are deleted and when, the files of a synthesis, and the log."""

import pytest
from queued_jobs import queue_job, read_job, try_claim_job

from app.domain import jobs, leases
from app.domain.database import Database
from app.domain.errors import Conflict, NotFound
from app.domain.events import of_type
from app.domain.job_objects import (
    LOG_EPOCH_BYTES,
    LOG_EPOCHS_KEPT,
    StoredCounts,
    StoredFile,
    add_manifest,
    add_shard,
    checkpoint_key,
    count_stored,
    delete_leftovers,
    delete_older_states,
    file_key,
    find_file,
    list_files,
    read_log,
    state_key,
    store_log,
    unlist_files,
)
from app.domain.job_states import Status, Stop
from app.domain.leases import Claim, Fenced
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Job, Model, onnx_key


def put(store: ObjectStore, *keys: str) -> None:
    for key in keys:
        store.put_bytes(key, b"")


def test_a_fenced_worker_does_not_delete_the_states_of_its_successor(store: ObjectStore) -> None:
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
    unregistered = checkpoint_key(job.id, 2, 128)
    put(store, kept, onnx_key(kept), sample, state_key(job.id, 2, 128))
    put(store, unregistered, onnx_key(unregistered))
    delete_leftovers(database, store, job)
    assert store.keys(f"jobs/{job.id}") == sorted([kept, onnx_key(kept), sample])


def test_an_ended_ingest_leaves_neither_its_upload_nor_the_pack_of_a_fenced_attempt(
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


@pytest.fixture
def claim(database: Database) -> Claim:
    """A running synthesis."""
    queue_job(database, kind="synthesize", model="cats")
    claim = try_claim_job(database, queue="synthesize")
    assert claim is not None
    return claim


def stored(store: ObjectStore, claim: Claim, name: str) -> StoredFile:
    key = file_key(claim.job_id, claim.epoch, name)
    store.put_bytes(key, b"1234")
    return StoredFile(name, key, 4, "a" * 64)


def add(database: Database, store: ObjectStore, claim: Claim, number: int, tried: int) -> None:
    shard, recipes = (stored(store, claim, f"cats-{number}.{kind}") for kind in ("zip", "jsonl"))
    with database.write() as session:
        add_shard(session, claim, shard, recipes, images=10, tried=tried)


def names(database: Database, claim: Claim) -> list[str]:
    with database.read() as session:
        return [file.name for file in list_files(session, claim.job_id)]


def test_the_listed_files_give_the_counts_to_continue_from(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    with database.read() as session:
        assert count_stored(session, claim.job_id) == StoredCounts(0, 0, 0)
    add(database, store, claim, 0, tried=12)
    assert read_job(database, claim.job_id).attempt == 0
    add(database, store, claim, 1, tried=25)
    with database.read() as session:
        assert count_stored(session, claim.job_id) == StoredCounts(2, 20, 25)
        event, _ = of_type(session, claim.job_id, "file")
    url = f"/v1/jobs/{claim.job_id}/files/cats-0.zip"
    assert event.data == {"name": "cats-0.zip", "images": 10, "bytes": 4, "url": url}
    assert names(database, claim) == ["cats-0.zip", "cats-0.jsonl", "cats-1.zip", "cats-1.jsonl"]


def test_the_manifest_is_the_last_file_and_the_result_counts_all_files(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 0, tried=10)
    manifest = stored(store, claim, "manifest.json")
    with database.write() as session:
        add_manifest(session, claim, manifest)
    assert names(database, claim)[-1] == "manifest.json"
    url = f"/v1/jobs/{claim.job_id}/files/manifest.json"
    result = {"images": 10, "shards": 1, "bytes": 12, "manifest": url}
    assert read_job(database, claim.job_id).result == result


def test_a_fenced_worker_lists_no_file(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    with pytest.raises(Fenced):
        add(database, store, Claim(claim.job_id, claim.epoch - 1), 0, tried=10)
    assert names(database, claim) == []


def test_an_unknown_file_is_named(database: Database, store: ObjectStore, claim: Claim) -> None:
    add(database, store, claim, 0, tried=10)
    with database.read() as session:
        assert find_file(session, claim.job_id, "cats-0.zip").bytes == 4
        with pytest.raises(NotFound, match=r"has no file 'cats-1\.zip'"):
            find_file(session, claim.job_id, "cats-1.zip")
        with pytest.raises(NotFound, match="there is no job 'other'"):
            find_file(session, "other", "cats-0.zip")


def test_a_failed_job_keeps_its_files_until_they_are_unlisted(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 0, tried=10)
    stored(store, claim, "cats-1.zip")  # not listed
    with pytest.raises(Conflict, match="is running: cancel it first"), database.write() as session:
        unlist_files(session, claim.job_id)
    with database.write() as session:
        leases.end(session, claim, Status.FAILED, "no reason")
    delete_leftovers(database, store, read_job(database, claim.job_id))
    assert len(names(database, claim)) == len(store.keys(f"jobs/{claim.job_id}")) == 2
    with database.write() as session:
        job = unlist_files(session, claim.job_id)
    delete_leftovers(database, store, job)
    assert (names(database, claim), store.keys(f"jobs/{claim.job_id}")) == ([], [])


def test_a_paused_job_keeps_its_files_and_a_cancelled_one_loses_them(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 0, tried=10)
    with database.write() as session:
        jobs.request_stop(session, claim.job_id, Stop.PAUSE)
        leases.pause(session, claim)
    assert read_job(database, claim.job_id).status == Status.PAUSED
    assert len(names(database, claim)) == 2
    with database.write() as session:
        job = jobs.request_stop(session, claim.job_id, Stop.CANCEL)
    delete_leftovers(database, store, job)
    assert (names(database, claim), store.keys(f"jobs/{claim.job_id}")) == ([], [])


def test_the_result_has_no_manifest_after_the_files_are_unlisted(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 0, tried=10)
    manifest = stored(store, claim, "manifest.json")
    with database.write() as session:
        add_manifest(session, claim, manifest)
        leases.end(session, claim, Status.SUCCEEDED)
    for _ in range(2):
        with database.write() as session:
            unlist_files(session, claim.job_id)
        result = {"images": 10, "shards": 1, "bytes": 12, "manifest": None}
        assert read_job(database, claim.job_id).result == result


def test_a_job_of_another_kind_has_no_files_to_unlist(database: Database) -> None:
    job_id = queue_job(database, kind="evaluate", model="cats")
    with pytest.raises(Conflict, match="is of kind evaluate"), database.write() as session:
        unlist_files(session, job_id)


def test_the_log_of_a_job_joins_its_epochs_in_order(any_store: ObjectStore) -> None:
    assert read_log(any_store, "j") == ""
    store_log(any_store, Claim("j", 10), b"third\n")
    store_log(any_store, Claim("j", 2), b"second\n")
    store_log(any_store, Claim("j", 1), b"first, \xff\n")
    store_log(any_store, Claim("k", 1), b"another job\n")
    store_log(any_store, Claim("j", 10), b"third, longer\n")
    assert read_log(any_store, "j") == "first, \N{REPLACEMENT CHARACTER}\nsecond\nthird, longer\n"


def test_a_long_log_keeps_its_last_lines_and_its_newest_epochs(store: ObjectStore) -> None:
    lines = b"".join(b"line %d\n" % number for number in range(20_000))
    for epoch in range(1, LOG_EPOCHS_KEPT + 3):
        store_log(store, Claim("j", epoch), b"epoch %d\n" % epoch)
    store_log(store, Claim("j", 99), lines)
    kept = read_log(store, "j").splitlines()
    assert kept[0] == "epoch 4"
    assert kept[LOG_EPOCHS_KEPT - 1] == "[earlier lines left out]"
    assert kept[LOG_EPOCHS_KEPT].startswith("line ")
    assert kept[-1] == "line 19999"
    assert len(read_log(store, "j")) < LOG_EPOCH_BYTES + 1000
