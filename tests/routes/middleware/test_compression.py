"""Which responses are compressed, and their ETags."""

import gzip

import pytest
from api import Api
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient

from app.domain.store import ObjectStore
from app.routes.middleware.compression import Compression
from app.routes.protocol.caching import is_not_modified
from benchmarks.harness.random_models import register, store_checkpoint


@pytest.fixture(scope="module")
def client(shared_api: Api) -> TestClient:
    """One API for all tests, with the model "cats"."""
    register(shared_api.database, store_checkpoint(ObjectStore(shared_api.settings)))
    return shared_api.client


@pytest.mark.parametrize("path", ["/openapi.json", "/v1/presets"])
def test_long_json_is_compressed_where_gzip_is_accepted(client: TestClient, path: str) -> None:
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
    body = {"count": 20, "format": file_format}
    headers = {"Accept-Encoding": "gzip"}
    answer = client.post("/v1/models/cats/images", json=body, headers=headers)
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers


def test_a_short_response_is_not_compressed(client: TestClient) -> None:
    assert "content-encoding" not in client.get("/healthz").headers


def test_a_weight_of_0_refuses_gzip_and_the_response_varies(client: TestClient) -> None:
    answer = client.get("/openapi.json", headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in answer.headers
    assert "accept-encoding" in answer.headers["vary"].lower()


@pytest.fixture
def tagged() -> TestClient:
    """An API that answers any path with long JSON under the ETag "t"."""
    api = FastAPI()
    api.add_middleware(Compression)

    @api.get("/{path:path}")
    def answer(request: Request) -> Response:
        headers = {"ETag": '"t"'}
        if is_not_modified(request, headers):
            return Response(status_code=304, headers=headers)
        return Response("[" + "1," * 1000 + "1]", headers=headers, media_type="application/json")

    return TestClient(api)


def test_the_etag_of_a_compressed_response_is_weak_and_matches_again(tagged: TestClient) -> None:
    plain = tagged.get("/v1/presets", headers={"Accept-Encoding": "identity"})
    compressed = tagged.get("/v1/presets", headers={"Accept-Encoding": "gzip"})
    assert compressed.content == plain.content
    assert (plain.headers["etag"], compressed.headers["etag"]) == ('"t"', 'W/"t"')
    for tag in ('"t"', 'W/"t"'):
        again = tagged.get("/v1/presets", headers={"If-None-Match": tag})
        assert (again.status_code, again.headers["etag"]) == (304, tag)


@pytest.mark.parametrize(
    ("path", "compressed"),
    [
        ("/v1/jobs/j1/files/manifest.json", False),
        ("/v1/jobs/j1/files", True),
        ("/v1/models/files/images/7.json", True),
        ("/v1/datasets/a/files/b", True),
    ],
)
def test_only_the_files_of_jobs_are_never_compressed(
    tagged: TestClient, path: str, compressed: bool
) -> None:
    answer = tagged.get(path, headers={"Accept-Encoding": "gzip"})
    assert ("content-encoding" in answer.headers) is compressed
