"""What is compressed on its way, and what is not."""

import gzip

import pytest
from fastapi.testclient import TestClient

from app.domain.database import Database
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from benchmarks.random_models import register, store_checkpoint


@pytest.fixture(autouse=True)
def model(database: Database, settings: Settings) -> None:
    register(database, store_checkpoint(ObjectStore(settings)))


@pytest.mark.parametrize("path", ["/openapi.json", "/v1/presets"])
def test_long_json_is_compressed_for_who_accepts_it(client: TestClient, path: str) -> None:
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 3


@pytest.mark.parametrize("path", ["7.png", "7.webp", "7.jpg", "7.png?scale=8"])
def test_pictures_are_not_compressed_again(client: TestClient, path: str) -> None:
    answer = client.get(f"/v1/models/cats/images/{path}", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("file_format", ["zip", "multipart", "sprites"])
def test_bundles_are_not_compressed_again(client: TestClient, file_format: str) -> None:
    asked = {"count": 20, "format": file_format}
    headers = {"Accept-Encoding": "gzip"}
    answer = client.post("/v1/models/cats/images", json=asked, headers=headers)
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers


def test_a_short_answer_is_left_as_it_is(client: TestClient) -> None:
    assert "content-encoding" not in client.get("/healthz").headers
