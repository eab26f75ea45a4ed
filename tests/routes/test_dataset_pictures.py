"""Single pictures of a packed dataset, and the contact sheet of its examination."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from packed_noise import COUNT, pack_noise, register_noise
from PIL import Image

from app.domain.database import Database
from app.domain.images.png import ENCODER
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Dataset


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A packed folder of 30 pictures in two classes."""
    return pack_noise(tmp_path)


@pytest.fixture
def images(packed: Path, settings: Settings, database: Database) -> np.ndarray:
    """The pictures of the ready dataset `noise`."""
    return register_noise(packed, ObjectStore(settings), database)


def test_a_packed_picture_is_served_unchanged(client: TestClient, images: np.ndarray) -> None:
    for index in (0, 7, COUNT - 1):
        answer = client.get(f"/v1/datasets/noise/images/{index}.png")
        assert answer.headers["content-type"] == "image/png"
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert np.array_equal(np.asarray(picture), images[index])


def test_the_etag_of_a_picture_holds_the_hash_of_its_dataset(
    client: TestClient, images: np.ndarray
) -> None:
    content_hash = client.get("/v1/datasets/noise").json()["content_hash"]
    first = client.get("/v1/datasets/noise/images/3.png")
    assert first.headers["etag"] == f'"{content_hash}-3-{ENCODER}"'
    assert first.headers["cache-control"] == "no-cache"
    named = client.get(f"/v1/datasets/noise/images/3.png?content_hash={content_hash}")
    assert named.headers["cache-control"] == "max-age=31536000, immutable"
    again = client.get(
        "/v1/datasets/noise/images/3.png", headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/v1/datasets/noise/images/3.png?content_hash=abc")
    assert (other.status_code, other.json()["field"]) == (404, "content_hash")


@pytest.mark.parametrize(
    ("index", "status", "detail"),
    [
        ("30", 404, "has 30 pictures, numbered 0 to 29: there is no picture 30"),
        ("-1", 404, "numbered 0 to 29"),
        ("x", 422, "index"),
        ("1.5", 422, "index"),
    ],
)
def test_an_index_outside_the_dataset_is_refused_with_the_range(
    client: TestClient, images: np.ndarray, index: str, status: int, detail: str
) -> None:
    answer = client.get(f"/v1/datasets/noise/images/{index}.png")
    assert (answer.status_code, answer.json()["field"]) == (status, "index")
    assert detail in answer.json()["detail"]


def test_the_report_and_the_sheet_of_an_examination(client: TestClient, images: np.ndarray) -> None:
    report = client.get("/v1/datasets/noise").json()["report"]
    doctor = report["doctor"]
    assert [finding["kind"] for finding in doctor["findings"]] == [
        *("near_duplicates", "outliers", "letterboxed", "blurred", "blank", "levels")
    ]
    assert doctor["class_balance"]["counts"] == [15, 15]
    assert doctor["effective_images"]["sample"] == COUNT
    sheet = client.get("/v1/datasets/noise/doctor.png")
    with Image.open(io.BytesIO(sheet.content)) as picture:
        assert picture.format == "PNG"


def test_a_dataset_packed_before_the_doctor_has_no_findings(
    client: TestClient, images: np.ndarray, database: Database
) -> None:
    with database.write() as session:
        dataset = session.get_one(Dataset, 1)
        assert dataset.report is not None
        report = dataset.report.items()
        dataset.report = {name: value for name, value in report if name != "doctor"}
    assert client.get("/v1/datasets/noise").json()["report"]["doctor"] is None
    absent = client.get("/v1/datasets/noise/doctor.png")
    assert absent.status_code == 404
    assert "did not examine its pictures" in absent.json()["detail"]
    assert client.get("/v1/datasets/noise/images/0.png").status_code == 200


def test_what_was_decoded_of_a_rejected_file_is_served(
    client: TestClient, packed: Path, settings: Settings, database: Database
) -> None:
    thumbnails = np.random.default_rng(1).integers(0, 255, (2, 64, 64, 4), np.uint8)
    np.save(packed / "rejected.npy", thumbnails)
    described = json.loads((packed / "dataset.json").read_text())
    described["report"] |= {
        "rejected_count": 3,
        "rejected": [
            {"file": "a.txt", "reason": "not an image: a text", "kind": "not_an_image"},
            {"file": "b.png", "reason": "truncated: …", "kind": "truncated", "thumbnail": 0},
            {"file": "c.png", "reason": "of a newer version", "kind": "new", "thumbnail": 1},
        ],
    }
    (packed / "dataset.json").write_text(json.dumps(described))
    register_noise(packed, ObjectStore(settings), database)
    dataset = client.get("/v1/datasets/noise").json()
    assert [file["thumbnail"] for file in dataset["report"]["rejected"]] == [None, 0, 1]
    address = "/v1/datasets/noise/rejected/1.png"
    answer = client.get(address, params={"job": dataset["job"]})
    assert answer.headers["cache-control"] == "max-age=31536000, immutable"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert np.array_equal(np.asarray(picture), thumbnails[1])
    packed_picture, thumbnail = (
        client.get(f"/v1/datasets/noise/{path}/0.png") for path in ("images", "rejected")
    )
    assert packed_picture.headers["etag"] != thumbnail.headers["etag"]
    replaced = client.get(address, params={"job": "another"})
    assert (replaced.status_code, replaced.json()["field"]) == (404, "job")
    missing = client.get("/v1/datasets/noise/rejected/2.png", headers={"If-None-Match": "*"})
    assert (missing.status_code, missing.json()["field"]) == (404, "index")
    assert "names 2 thumbnails of rejected files" in missing.json()["detail"]


@pytest.mark.parametrize("path", ["doctor.png", "images/0.png", "rejected/0.png"])
def test_pictures_of_a_dataset_that_is_not_ready_are_refused(client: TestClient, path: str) -> None:
    assert client.get(f"/v1/datasets/cats/{path}").status_code == 404
    client.post("/v1/datasets", data={"name": "cats"}, files={"files": ("a.png", b"a")})
    assert client.get(f"/v1/datasets/cats/{path}").status_code == 409
