"""HEAD is answered like GET, without the body."""

import time

import pytest
from fastapi.testclient import TestClient


@pytest.mark.parametrize(
    "path", ["/healthz", "/v1/models", "/v1/models/none", "/v1/jobs/x/events", "/docs"]
)
def test_head_is_answered_like_get_without_a_body(client: TestClient, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.headers) == (got.status_code, got.headers)
    assert (head.content, bool(got.content)) == (b"", True)


def test_head_of_a_stream_ends(client: TestClient, cats: str) -> None:
    job = client.post("/v1/jobs", json={"dataset": cats, "model": "cats"}).json()["id"]
    started = time.monotonic()
    head = client.head(f"/v1/jobs/{job}/events")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("text/event-stream")
    assert time.monotonic() - started < 5
