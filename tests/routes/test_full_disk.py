"""On a full disk reading and deleting work, and calls that need space are answered 507."""

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from queued_jobs import queue_job, read_job
from small_disk import fill

from app.domain.database import Database
from app.domain.disk import Disk
from app.domain.settings import Settings
from app.domain.tables import Model


@pytest.fixture
def settings(small_disk: Path, valkey_url: str) -> Settings:
    return Settings(home=small_disk / "home", redis_url=valkey_url)


@pytest.fixture
def queued(settings: Settings, database: Database, cats: str) -> Iterator[str]:
    """The id of a queued training of another dataset than cats, on a completely full disk."""
    with database.write() as session:
        session.add(Model(name="old"))
    job_id = queue_job(database, model="dogs", dataset="dogs")
    Disk(settings).fill_reserve()
    hog = fill(settings.home)
    yield job_id
    hog.unlink(missing_ok=True)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_reading_works(client: TestClient, queued: str) -> None:
    for path in (f"jobs/{queued}", "jobs", "models", "datasets", "datasets/cats"):
        assert client.get(f"/v1/{path}").status_code == 200, path


def test_new_jobs_and_uploads_are_refused_before_anything_is_written(
    client: TestClient, settings: Settings, queued: str
) -> None:
    files = {"files": ("a.png", picture())}
    for answer in (
        client.post("/v1/jobs", json={"dataset": "cats", "model": "cats"}),
        client.post("/v1/datasets", data={"name": "new"}, files=files),
    ):
        assert answer.status_code == 507
        assert answer.headers["content-type"] == "application/problem+json"
        assert "MOGGY_MIN_FREE_BYTES" in answer.json()["detail"]
    assert not list(settings.home.glob("incoming/*"))
    assert (settings.home / "reserve").exists()


def test_a_write_to_a_full_database_is_answered_507(
    client: TestClient, settings: Settings, queued: str
) -> None:
    (settings.home / "reserve").unlink()
    fill(settings.home.parent)
    answer = client.post(f"/v1/jobs/{queued}/pause")
    assert answer.status_code == 507
    assert answer.headers["content-type"] == "application/problem+json"
    assert "the disk is full" in answer.json()["detail"]


@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_a_job_can_be_paused_and_cancelled(
    client: TestClient, database: Database, queued: str, action: str
) -> None:
    assert client.post(f"/v1/jobs/{queued}/{action}").status_code == 200
    assert read_job(database, queued).status == {"pause": "paused", "cancel": "cancelled"}[action]


@pytest.mark.parametrize("path", ["datasets/cats", "models/old"])
def test_datasets_and_models_can_be_deleted(client: TestClient, queued: str, path: str) -> None:
    assert client.delete(f"/v1/{path}").status_code == 204
    assert client.get(f"/v1/{path}").status_code == 404


def test_the_service_is_not_ready_and_says_why(
    client: TestClient, settings: Settings, queued: str
) -> None:
    deadline = time.monotonic() + 10
    while True:  # the disk is looked at in the background
        answer = client.get("/readyz")
        assert answer.status_code == 503
        if f"the disk of {settings.home} has" in answer.json()["detail"]:
            break
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)


def test_an_upload_in_pieces_waits_for_space_and_goes_on(
    client: TestClient, settings: Settings
) -> None:
    piece = bytes(64 * 1024)
    upload = client.post("/v1/uploads", json={"name": "a.zip", "bytes": 2 * len(piece)}).json()
    url = f"/v1/uploads/{upload['id']}"
    assert client.patch(f"{url}?offset=0", content=piece).json()["received"] == len(piece)
    for leave in (0, settings.min_free_bytes + len(piece) // 2):
        hog = fill(settings.home, leave)
        refused = client.patch(f"{url}?offset={len(piece)}", content=piece)
        assert (refused.status_code, "MOGGY_MIN_FREE_BYTES" in refused.text) == (507, True)
        form = {"name": (None, "cats"), "upload": (None, upload["id"])}
        assert client.post("/v1/datasets", files=form).status_code in (409, 507)
        hog.unlink()
    assert client.get(url).json()["received"] == len(piece)
    whole = client.patch(f"{url}?offset={len(piece)}", content=piece).json()
    assert whole["received"] == whole["bytes"]
