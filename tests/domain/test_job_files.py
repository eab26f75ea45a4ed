"""The files of a synthesis: listed by who holds the job, counted to go on from, forgotten."""

from pathlib import Path

import pytest
from queued_jobs import claim_job, queue_job, read

from app.domain import jobs, leases
from app.domain.database import Database
from app.domain.errors import Conflict, NotFound
from app.domain.events import of_type
from app.domain.job_files import (
    Made,
    StoredFile,
    add_manifest,
    add_shard,
    find,
    forget,
    in_order,
    made_so_far,
)
from app.domain.job_objects import delete_leftovers, file_key
from app.domain.job_states import Status, Stop
from app.domain.leases import Claim, Fenced
from app.domain.settings import Settings
from app.domain.store import ObjectStore


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(Settings(home=tmp_path))


@pytest.fixture
def claim(database: Database) -> Claim:
    """A running synthesis."""
    queue_job(database, kind="synthesize", model="cats")
    claim = claim_job(database, queue="synthesize")
    assert claim is not None
    return claim


def stored(store: ObjectStore, claim: Claim, name: str) -> StoredFile:
    key = file_key(claim.job_id, claim.epoch, name)
    store.put_bytes(key, b"1234")
    return StoredFile(name, key, 4, "a" * 64)


def add(database: Database, store: ObjectStore, claim: Claim, number: int, tried: int) -> None:
    shard, recipes = (stored(store, claim, f"cats-{number}.{one}") for one in ("zip", "jsonl"))
    with database.write() as session:
        add_shard(session, claim, shard, recipes, images=10, tried=tried)


def names(database: Database, claim: Claim) -> list[str]:
    with database.read() as session:
        return [one.name for one in in_order(session, claim.job_id)]


def test_what_is_listed_tells_where_to_go_on(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    with database.read() as session:
        assert made_so_far(session, claim.job_id) == Made(0, 0, 0)
    add(database, store, claim, 0, tried=12)
    assert read(database, claim.job_id).attempt == 0
    add(database, store, claim, 1, tried=25)
    with database.read() as session:
        assert made_so_far(session, claim.job_id) == Made(2, 20, 25)
        event, _ = of_type(session, claim.job_id, "file")
    url = f"/v1/jobs/{claim.job_id}/files/cats-0.zip"
    assert event.data == {"name": "cats-0.zip", "images": 10, "bytes": 4, "url": url}
    assert names(database, claim) == ["cats-0.zip", "cats-0.jsonl", "cats-1.zip", "cats-1.jsonl"]


def test_the_manifest_is_the_last_and_the_result_counts_all(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 0, tried=10)
    manifest = stored(store, claim, "manifest.json")
    with database.write() as session:
        add_manifest(session, claim, manifest)
    assert names(database, claim)[-1] == "manifest.json"
    url = f"/v1/jobs/{claim.job_id}/files/manifest.json"
    made = {"images": 10, "shards": 1, "bytes": 12, "manifest": url}
    assert read(database, claim.job_id).result == made


def test_a_fenced_worker_lists_nothing(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    with pytest.raises(Fenced):
        add(database, store, Claim(claim.job_id, claim.epoch - 1), 0, tried=10)
    assert names(database, claim) == []


def test_a_file_that_is_not_there_is_named(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 0, tried=10)
    with database.read() as session:
        assert find(session, claim.job_id, "cats-0.zip").bytes == 4
        with pytest.raises(NotFound, match=r"has no file 'cats-1\.zip'"):
            find(session, claim.job_id, "cats-1.zip")
        with pytest.raises(NotFound, match="there is no job 'other'"):
            find(session, "other", "cats-0.zip")


def test_a_failed_job_keeps_its_files_until_they_are_forgotten(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 0, tried=10)
    stored(store, claim, "cats-1.zip")  # not listed yet
    with pytest.raises(Conflict, match="is running: cancel it first"), database.write() as session:
        forget(session, claim.job_id)
    with database.write() as session:
        leases.end(session, claim, Status.FAILED, "no reason")
    delete_leftovers(database, store, read(database, claim.job_id))
    assert len(names(database, claim)) == len(store.keys(f"jobs/{claim.job_id}")) == 2
    with database.write() as session:
        job = forget(session, claim.job_id)
    delete_leftovers(database, store, job)
    assert (names(database, claim), store.keys(f"jobs/{claim.job_id}")) == ([], [])


def test_a_paused_one_keeps_its_files_and_a_cancelled_one_loses_them(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 0, tried=10)
    with database.write() as session:
        jobs.request_stop(session, claim.job_id, Stop.PAUSE)
        leases.pause(session, claim)
    assert read(database, claim.job_id).status == Status.PAUSED
    assert len(names(database, claim)) == 2
    with database.write() as session:
        job = jobs.request_stop(session, claim.job_id, Stop.CANCEL)
    delete_leftovers(database, store, job)
    assert (names(database, claim), store.keys(f"jobs/{claim.job_id}")) == ([], [])


def test_the_result_names_no_manifest_once_the_files_are_forgotten(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 0, tried=10)
    manifest = stored(store, claim, "manifest.json")
    with database.write() as session:
        add_manifest(session, claim, manifest)
        leases.end(session, claim, Status.SUCCEEDED)
    for _ in range(2):
        with database.write() as session:
            forget(session, claim.job_id)
        made = {"images": 10, "shards": 1, "bytes": 12, "manifest": None}
        assert read(database, claim.job_id).result == made


def test_a_job_of_another_kind_has_none_to_forget(database: Database) -> None:
    job_id = queue_job(database, kind="evaluate", model="cats")
    with pytest.raises(Conflict, match="is of kind evaluate"), database.write() as session:
        forget(session, job_id)
