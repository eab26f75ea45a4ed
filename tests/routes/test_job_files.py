"""The files of a synthesis, from a folder and from a bucket: whole, in part, deleted."""

import hashlib
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from queued_jobs import queue_job, try_claim_job

from app.domain import leases
from app.domain.database import Database
from app.domain.job_objects import StoredFile, add_shard, file_key
from app.domain.job_states import Status
from app.domain.jobs import new_id
from app.domain.settings import Settings
from app.domain.store import STREAM_PIECE_BYTES, ObjectStore

DATA = hashlib.shake_256(b"a shard").digest(2 * STREAM_PIECE_BYTES + 1000)
TAG = f'"{hashlib.sha256(DATA).hexdigest()}"'


@pytest.fixture(params=["files", "bucket"])
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    if request.param == "files":
        return Settings(home=tmp_path / "home", redis_url=valkey_url)
    for name, value in request.getfixturevalue("s3_environment").items():
        monkeypatch.setenv(name, value)
    url = f"s3://moggy/{new_id()}"
    return Settings(home=tmp_path / "home", redis_url=valkey_url, storage_url=url)


@pytest.fixture
def job(client: TestClient, database: Database, settings: Settings) -> str:
    """A running synthesis with one shard of some megabytes."""
    queue_job(database, kind="synthesize", model="cats")
    claim = try_claim_job(database, queue="synthesize")
    assert claim is not None
    stored = []
    for name, data in (("cats-000000.tar", DATA), ("cats-000000.jsonl", b"{}\n")):
        key = file_key(claim.job_id, claim.epoch, name)
        ObjectStore(settings).put_bytes(key, data)
        stored.append(StoredFile(name, key, len(data), hashlib.sha256(data).hexdigest()))
    with database.write() as session:
        add_shard(session, claim, *stored, images=10, tried=10)
    return claim.job_id


def test_stored_files_are_listed_page_by_page(client: TestClient, job: str) -> None:
    page = client.get(f"/v1/jobs/{job}/files?limit=1").json()
    assert page["items"] == [
        {
            "name": "cats-000000.jsonl",
            "bytes": 3,
            "sha256": hashlib.sha256(b"{}\n").hexdigest(),
            "images": None,
            "url": f"/v1/jobs/{job}/files/cats-000000.jsonl",
        }
    ]
    rest = client.get(f"/v1/jobs/{job}/files?cursor={page['next']}").json()
    assert [(file["name"], file["images"]) for file in rest["items"]] == [("cats-000000.tar", 10)]
    assert rest["next"] is None
    assert client.get("/v1/jobs/nonsense/files").status_code == 404


def test_a_whole_file_has_its_hash_as_etag(client: TestClient, job: str) -> None:
    answer = client.get(f"/v1/jobs/{job}/files/cats-000000.tar")
    assert (answer.status_code, answer.content == DATA) == (200, True)
    head = client.head(f"/v1/jobs/{job}/files/cats-000000.tar", headers={"Range": "bytes=0-9"})
    assert (head.status_code, head.content) == (200, b"")
    for headers in (answer.headers, head.headers):
        assert headers["content-length"] == str(len(DATA))
        assert headers["content-type"] == "application/x-tar"
        assert headers["etag"] == TAG
        assert headers["accept-ranges"] == "bytes"
        assert headers["content-disposition"] == 'attachment; filename="cats-000000.tar"'
    not_modified = client.get(
        f"/v1/jobs/{job}/files/cats-000000.tar", headers={"If-None-Match": TAG}
    )
    assert (not_modified.status_code, not_modified.content, not_modified.headers["etag"]) == (
        304,
        b"",
        TAG,
    )


@pytest.mark.parametrize(
    ("range_header", "start", "stop"),
    [
        ("bytes=0-99", 0, 100),
        (
            f"bytes={STREAM_PIECE_BYTES - 5}-{STREAM_PIECE_BYTES + 4}",
            STREAM_PIECE_BYTES - 5,
            STREAM_PIECE_BYTES + 5,
        ),
        (f"bytes={STREAM_PIECE_BYTES}-", STREAM_PIECE_BYTES, len(DATA)),
        ("bytes=-7", len(DATA) - 7, len(DATA)),
    ],
)
def test_a_range_is_answered_with_that_part(
    client: TestClient, job: str, range_header: str, start: int, stop: int
) -> None:
    headers = {"Range": range_header, "If-Range": TAG}
    answer = client.get(f"/v1/jobs/{job}/files/cats-000000.tar", headers=headers)
    assert (answer.status_code, answer.content == DATA[start:stop]) == (206, True)
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"
    assert answer.headers["content-length"] == str(stop - start)
    assert answer.headers["etag"] == TAG


def test_another_etag_gets_the_whole_file_and_a_range_outside_it_a_problem(
    client: TestClient, job: str
) -> None:
    path = f"/v1/jobs/{job}/files/cats-000000.tar"
    other = client.get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (other.status_code, len(other.content)) == (200, len(DATA))
    beyond = client.get(path, headers={"Range": f"bytes={len(DATA)}-"})
    assert (beyond.status_code, beyond.json()["status"]) == (416, 416)
    assert beyond.headers["content-range"] == f"bytes */{len(DATA)}"
    assert beyond.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["cats-000001.tar", "manifest.json", "..%2Fcats-000000.tar"])
def test_a_missing_file_is_a_problem(client: TestClient, job: str, name: str) -> None:
    assert client.get(f"/v1/jobs/{job}/files/{name}").status_code == 404


def test_the_files_of_an_ended_job_can_be_deleted(
    client: TestClient, job: str, database: Database, settings: Settings
) -> None:
    refused = client.delete(f"/v1/jobs/{job}/files")
    assert (refused.status_code, "cancel it first" in refused.json()["detail"]) == (409, True)
    with database.write() as session:
        claim = leases.Claim(job, 1)
        leases.end(session, claim, Status.SUCCEEDED)
    for _ in range(2):
        assert client.delete(f"/v1/jobs/{job}/files").status_code == 204
    assert client.get(f"/v1/jobs/{job}/files").json() == {"items": [], "next": None}
    assert client.get(f"/v1/jobs/{job}/files/cats-000000.tar").status_code == 404
    assert ObjectStore(settings).keys(f"jobs/{job}") == []


def test_a_file_without_stored_bytes_is_reported_as_being_deleted(
    client: TestClient, job: str, settings: Settings
) -> None:
    ObjectStore(settings).delete_prefix(f"jobs/{job}")
    answer = client.get(f"/v1/jobs/{job}/files/cats-000000.tar")
    assert (answer.status_code, "is being deleted" in answer.json()["detail"]) == (404, True)


def test_a_job_of_another_kind_has_no_files_to_delete(
    client: TestClient, database: Database
) -> None:
    job_id = queue_job(database)
    refused = client.delete(f"/v1/jobs/{job_id}/files")
    assert (refused.status_code, "is of kind train" in refused.json()["detail"]) == (409, True)


def test_head_is_answered_without_reading_the_bytes(
    client: TestClient, job: str, settings: Settings
) -> None:
    path = f"/v1/jobs/{job}/files/cats-000000.tar"
    whole = client.get(path)
    ObjectStore(settings).delete_prefix(f"jobs/{job}")
    head = client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "accept-ranges", "cache-control"):
        assert head.headers[name] == whole.headers[name]
    assert client.head(path, headers={"If-None-Match": TAG}).status_code == 304
    assert client.head(f"/v1/jobs/{job}/files/other.tar").status_code == 404
