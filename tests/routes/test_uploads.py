"""Uploads in pieces over HTTP, and the dataset that is made of one."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from api import open_api
from fastapi.testclient import TestClient

from app.domain.settings import Settings

CONTENT = b"not looked at before the ingest"


def start(client: TestClient, **body: Any) -> Any:
    return client.post("/v1/uploads", json={"name": "cats.zip", "bytes": len(CONTENT)} | body)


def send(client: TestClient, upload: str, offset: int, piece: bytes) -> Any:
    return client.patch(f"/v1/uploads/{upload}", params={"offset": offset}, content=piece)


def test_a_dataset_is_made_of_an_upload_that_was_interrupted(
    client: TestClient, settings: Settings
) -> None:
    started = start(client)
    assert started.status_code == 201
    upload = started.json()["id"]
    assert started.headers["location"] == f"/v1/uploads/{upload}"
    assert send(client, upload, 0, CONTENT[:10]).json()["received"] == 10

    assert create(client, name="cats", upload=upload).status_code == 409
    assert client.get(f"/v1/uploads/{upload}").json()["received"] == 10
    again = send(client, upload, 0, CONTENT)
    assert (again.status_code, again.json()["field"]) == (409, "offset")
    assert send(client, upload, 10, CONTENT[10:]).json()["received"] == len(CONTENT)

    dataset = create(client, name="cats", upload=upload)
    assert dataset.status_code == 202
    stored = [path for path in (settings.home / "objects").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in stored].count(CONTENT) == 1
    assert not list((settings.home / "incoming").iterdir())
    assert client.get(f"/v1/uploads/{upload}").status_code == 404


def create(client: TestClient, **fields: str) -> Any:
    """Post a form without files."""
    parts = {name: (None, text) for name, text in fields.items()}
    return client.post("/v1/datasets", files=parts)


def test_a_dataset_is_made_of_several_uploads(client: TestClient, settings: Settings) -> None:
    uploads = [start(client, name=name).json()["id"] for name in ("images.gz", "labels.gz")]
    for upload in uploads:
        send(client, upload, 0, CONTENT)
    assert create(client, name="digits", upload=",".join(uploads)).status_code == 202
    stored = [path for path in (settings.home / "objects").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in stored].count(CONTENT) == 2
    many = create(client, name="more", upload=",".join(["a"] * 17))
    assert (many.status_code, many.json()["field"]) == (422, "upload")


def test_a_taken_name_does_not_cost_the_upload(client: TestClient) -> None:
    client.post("/v1/datasets", data={"name": "cats"}, files={"files": ("a.png", CONTENT)})
    upload = start(client).json()["id"]
    send(client, upload, 0, CONTENT)
    assert create(client, name="cats", upload=upload).status_code == 409
    assert create(client, name="more-cats", upload=upload).status_code == 202


def test_an_incomplete_or_unknown_upload_makes_no_dataset(client: TestClient) -> None:
    upload = start(client).json()["id"]
    assert create(client, name="cats", upload=upload).status_code == 409
    unknown = create(client, name="cats", upload="abc")
    assert (unknown.status_code, unknown.json()["field"]) == (404, "upload")
    assert client.get("/v1/datasets").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"bytes": 0}, 422, "bytes"),
        ({"bytes": 2**50}, 422, "bytes"),
        ({"name": ""}, 422, "name"),
        ({"size": 3}, 422, "size"),
    ],
)
def test_an_upload_that_cannot_end_well_is_refused(
    client: TestClient, body: dict[str, Any], status: int, field: str
) -> None:
    answer = start(client, **body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


def test_a_piece_has_a_limit(client: TestClient) -> None:
    upload = start(client, bytes=2**26).json()["id"]
    assert send(client, upload, 0, bytes(2**25 + 1)).status_code == 413


def test_an_upload_is_deleted(client: TestClient) -> None:
    upload = start(client).json()["id"]
    assert client.delete(f"/v1/uploads/{upload}").status_code == 204
    assert send(client, upload, 0, CONTENT).status_code == 404


def test_an_upload_that_is_named_twice_makes_no_dataset(client: TestClient) -> None:
    upload = start(client).json()["id"]
    send(client, upload, 0, CONTENT)
    twice = create(client, name="cats", upload=f"{upload},{upload}")
    assert (twice.status_code, twice.json()["field"]) == (422, "upload")
    assert create(client, name="cats", upload=upload).status_code == 202


def test_requests_that_use_an_upload_at_once_are_answered_as_what_they_did(
    client: TestClient,
) -> None:
    upload = start(client).json()["id"]
    send(client, upload, 0, CONTENT)
    names = [f"cats-{number}" for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda name: create(client, name=name, upload=upload), names))
    made = {name for name, answer in zip(names, answers, strict=True) if answer.status_code == 202}
    assert {answer.status_code for answer in answers} <= {202, 404}
    listed = {dataset["name"] for dataset in client.get("/v1/datasets").json()["items"]}
    assert listed == made != set()


def test_an_upload_is_deleted_by_several_at_once(client: TestClient) -> None:
    upload = start(client).json()["id"]
    for offset in range(len(CONTENT)):
        send(client, upload, offset, CONTENT[offset : offset + 1])
    with ThreadPoolExecutor(4) as threads:
        path = f"/v1/uploads/{upload}"
        answers = list(threads.map(lambda _: client.delete(path).status_code, range(4)))
    assert set(answers) <= {204, 404}
    assert 204 in answers


def test_the_limit_of_an_upload_is_that_of_all_its_files(tmp_path: Path, valkey_url: str) -> None:
    limited = Settings(home=tmp_path / "limited", redis_url=valkey_url, max_upload_bytes=2000)
    with open_api(limited) as api:
        uploads = [start(api.client, bytes=1500).json()["id"] for _ in range(2)]
        for upload in uploads:
            send(api.client, upload, 0, bytes(1500))
        both = create(api.client, name="cats", upload=",".join(uploads))
        assert (both.status_code, both.json()["field"]) == (413, "upload")
        assert "3,000 bytes together" in both.json()["detail"]
        assert create(api.client, name="cats", upload=uploads[0]).status_code == 202
