"""Datasets: uploads, refusals that leave nothing behind, deletion."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.domain.settings import Settings

PICTURE = ("a.png", b"not looked at before the ingest", "image/png")


def post(client: TestClient, files: Any = None, **fields: str) -> Any:
    return client.post("/v1/datasets", data=fields, files=files or {"files": PICTURE})


def test_an_upload_is_stored_and_its_ingest_queued(client: TestClient, settings: Settings) -> None:
    answer = post(client, name="cats")
    assert answer.status_code == 202
    assert answer.headers["location"] == "/v1/datasets/cats"
    body = answer.json()
    assert (body["status"], body["size"], body["fit"]) == ("ingesting", 64, "crop")
    job = client.get(f"/v1/jobs/{body['job']}").json()
    assert (job["kind"], job["status"], job["dataset"]) == ("ingest", "queued", "cats")
    stored = [path for path in (settings.home / "objects").rglob("*") if path.is_file()]
    assert PICTURE[1] in [path.read_bytes() for path in stored]
    assert not list((settings.home / "incoming").iterdir())


def test_a_name_in_use_is_a_conflict(client: TestClient, settings: Settings) -> None:
    post(client, name="cats")
    before = sorted((settings.home / "objects").rglob("*"))
    again = post(client, name="cats")
    assert (again.status_code, again.json()["field"]) == (409, "name")
    assert (again.json()["kind"], again.json()["value"]) == ("name_taken", "cats")
    assert sorted((settings.home / "objects").rglob("*")) == before


def test_an_upload_replaces_a_failed_dataset_of_the_same_name(
    client: TestClient, settings: Settings
) -> None:
    failed = post(client, name="cats", size="32").json()
    client.post(f"/v1/jobs/{failed['job']}/cancel")
    assert client.get("/v1/datasets/cats").json()["status"] == "failed"
    again = post(client, name="cats")
    assert (again.status_code, again.json()["status"], again.json()["size"]) == (
        202,
        "ingesting",
        64,
    )
    assert [dataset["job"] for dataset in client.get("/v1/datasets").json()["items"]] == [
        again.json()["job"]
    ]
    assert client.get(f"/v1/jobs/{failed['job']}").json()["status"] == "cancelled"
    assert len(stored_files(settings.home)) == 2  # the picture and its name, of the second upload


def test_a_refused_upload_does_not_replace_a_failed_dataset(client: TestClient) -> None:
    failed = post(client, name="cats").json()
    client.post(f"/v1/jobs/{failed['job']}/cancel")
    assert post(client, name="cats", size="9999").status_code == 422
    assert client.get("/v1/datasets/cats").json()["job"] == failed["job"]


@pytest.mark.parametrize(
    ("fields", "field", "detail"),
    [
        ({}, "name", "missing"),
        ({"name": "My Cats"}, "name", "is not a name"),
        ({"name": "../etc"}, "name", "is not a name"),
        ({"name": "cats", "size": "27"}, "size", "28 to 256 pixels"),
        ({"name": "cats", "size": "257"}, "size", "28 to 256 pixels"),
        ({"name": "cats", "size": "96x300"}, "size", "WIDTHxHEIGHT like 96x64"),
        ({"name": "cats", "size": "96×64"}, "size", "WIDTHxHEIGHT like 96x64"),
        ({"name": "cats", "size": "large"}, "size", "a side like 64"),
        ({"name": "cats", "fit": "squash"}, "fit", "crop, pad, stretch"),
        ({"name": "cats", "channels": "cmyk"}, "channels", "auto, rgb, grey, rgba"),
        ({"name": "cats", "horizontal_flip": "true"}, "horizontal_flip", "auto, yes, no"),
        ({"name": "cats", "near_duplicates": "yes"}, "near_duplicates", "keep, drop"),
        ({"name": "cats", "names": "klingon"}, "names", "shift_jis"),
        ({"name": "cats", "names": "utf-16"}, "names", "cp866"),
        ({"name": "cats", "sise": "64"}, "sise", "is not known"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_left_behind(
    client: TestClient, settings: Settings, fields: dict[str, str], field: str, detail: str
) -> None:
    answer = post(client, **fields)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field
    assert detail in answer.json()["detail"]
    assert client.get("/v1/datasets").json()["items"] == []
    assert stored_files(settings.home) == []


@pytest.mark.parametrize(("size", "answered"), [("96x64", "96x64"), ("50x50", 50), ("256", 256)])
def test_any_shape_within_the_limits_is_accepted(
    client: TestClient, size: str, answered: str | int
) -> None:
    answer = post(client, name="cats", size=size, channels="rgba", horizontal_flip="no")
    assert answer.status_code == 202, answer.text
    body = client.get("/v1/datasets/cats").json()
    assert (body["size"], body["channels"], body["horizontal_flip"]) == (answered, "rgba", None)


def test_the_form_is_described(client: TestClient) -> None:
    call = client.get("/openapi.json").json()["paths"]["/v1/datasets"]["post"]
    form = call["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    choices = {"fit", "channels", "horizontal_flip", "near_duplicates", "unclassified", "levels"}
    assert form.keys() == {"name", "files", "upload", "size", "names", *choices}
    assert form["channels"]["enum"] == ["auto", "rgb", "grey", "rgba"]
    assert form["size"]["default"] == "64"


def test_an_upload_without_files_or_of_another_type_is_refused(client: TestClient) -> None:
    without = client.post("/v1/datasets", files={"name": (None, "cats")})
    assert (without.status_code, without.json()["field"]) == (422, "files")
    other = client.post("/v1/datasets", json={"name": "cats"})
    assert (other.status_code, other.json()["field"]) == (415, "Content-Type")
    assert "multipart/form-data" in other.json()["detail"]


def test_deleting_a_dataset_frees_its_bytes(client: TestClient, settings: Settings) -> None:
    job = post(client, name="cats").json()["job"]
    assert client.delete("/v1/datasets/cats").status_code == 409
    client.post(f"/v1/jobs/{job}/cancel")
    dataset = client.get("/v1/datasets/cats").json()
    assert (dataset["status"], dataset["error"]) == ("failed", "its ingest was cancelled")
    assert client.get("/v1/datasets/cats/preview.png").status_code == 409
    assert client.delete("/v1/datasets/cats").status_code == 204
    assert client.get("/v1/datasets/cats").status_code == 404
    assert stored_files(settings.home) == []


def stored_files(home: Path) -> list[Path]:
    return [
        path
        for folder in ("objects", "incoming")
        for path in (home / folder).rglob("*")
        if path.is_file()
    ]
