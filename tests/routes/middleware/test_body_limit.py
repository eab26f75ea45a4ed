"""Bodies: how large by route, how slow, how many at once."""

import asyncio
import json
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient
from running_api import LATENT_DIM, Running, running_api

from app.domain.settings import Settings
from app.main import create_app
from app.routes.middleware import body_limit
from app.routes.middleware.body_limit import MAX_JSON_BYTES, MAX_LARGE_BYTES, MAX_VALUES

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("bodies")
    with running_api(folder, Settings(home=folder / "home", redis_url=valkey_url)) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/v1/jobs", MAX_JSON_BYTES),
        ("/v1/models/plain", MAX_JSON_BYTES),
        ("/healthz", MAX_JSON_BYTES),
        ("/v1/nothing", MAX_JSON_BYTES),
        ("/v1/models/plain/images", MAX_LARGE_BYTES),
        ("/v1/models/plain/interpolations", MAX_LARGE_BYTES),
        ("/v1/recipes/read", MAX_LARGE_BYTES),
    ],
)
def test_a_body_beyond_what_a_route_can_use_is_refused_unread(
    client: TestClient, path: str, limit: int
) -> None:
    method = "PATCH" if path == "/v1/models/plain" else "POST"
    body = b" " * (limit + 1)
    for content in (body, iter([body])):  # with a stated length, and without
        answer = client.request(method, path, content=content, headers=JSON)
        if answer.status_code != 413:  # nothing there reads a body, nor did this
            assert path in ("/healthz", "/v1/nothing")
            assert not isinstance(content, bytes)
            continue
        assert answer.headers["content-type"] == "application/problem+json"
        assert f"{limit:,}" in answer.json()["detail"]


def test_fewer_images_a_request_are_fewer_bytes_of_latents(settings: Settings) -> None:
    few = settings.model_copy(update={"max_images_per_request": 50})
    with TestClient(create_app(few), base_url="http://127.0.0.1:8000") as client:
        answer = client.post("/v1/models/x/images", content=bytes(1_300_000), headers=JSON)
    assert (answer.status_code, "1,280,000" in answer.json()["detail"]) == (413, True)


def test_a_large_body_is_understood_as_a_small_one_is(api: Running) -> None:
    latents = [[random.gauss(0, 1) for _ in range(LATENT_DIM)] for _ in range(1000)]
    asked = json.dumps({"latents": latents, "format": "json"}).encode()
    assert len(asked) > body_limit.INLINE_PARSE_BYTES
    url = f"{api.url}/v1/models/plain/images"
    answer = httpx2.post(url, content=asked, headers=JSON, timeout=60)
    assert (answer.status_code, len(answer.json()["items"])) == (200, 1000)
    broken = httpx2.post(url, content=asked[:-1], headers=JSON, timeout=60)
    assert (broken.status_code, broken.json()["title"]) == (400, "Malformed body")
    assert "at character" in broken.json()["detail"]


def test_ten_large_bodies_at_once_hold_nobody_up(api: Running) -> None:
    body = json.dumps({"latents": [[0.123456789] * 1024] * 1000}).encode()
    url = f"{api.url}/v1/models/plain/images"
    slowest = 0.0
    with ThreadPoolExecutor(10) as clients:
        asking = [
            clients.submit(httpx2.post, url, content=body, headers=JSON, timeout=120)
            for _ in range(10)
        ]
        while not all(one.done() for one in asking):
            started = time.monotonic()
            assert httpx2.get(f"{api.url}/healthz", timeout=60).status_code == 200
            slowest = max(slowest, time.monotonic() - started)
            time.sleep(0.02)
    statuses = {one.result().status_code for one in asking}
    assert statuses <= {422, 503}  # this model's latents are shorter; too many were being read
    assert 422 in statuses
    assert slowest < 2.5


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(b'{"seeds": [' + b"1," * MAX_VALUES + b"1]}", id="numbers"),
        pytest.param(b'{"latents": [' + b"[]," * (MAX_VALUES // 2) + b"[]]}", id="lists"),
        pytest.param(b'{"latents": [' + b"{}," * (MAX_VALUES // 2) + b"{}]}", id="objects"),
    ],
)
@pytest.mark.parametrize("call", ["images", "interpolations"])
def test_a_body_of_more_values_than_any_request_needs_is_not_parsed(
    client: TestClient, values: bytes, call: str
) -> None:
    answer = client.post(f"/v1/models/x/{call}", content=values, headers=JSON)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert f"{MAX_VALUES:,} values" in answer.json()["detail"]


def test_the_bytes_of_all_large_bodies_are_limited_and_given_back(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_limit, "MAX_HELD_BYTES", 2 * MAX_JSON_BYTES)
    url = "/v1/models/x/images"
    for _ in range(3):
        fits = client.post(url, content=b" " * (2 * MAX_JSON_BYTES - 1), headers=JSON)
        assert fits.status_code == 400
        full = client.post(url, content=b" " * (2 * MAX_JSON_BYTES + 1), headers=JSON)
        assert (full.status_code, full.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/datasets"])
def test_a_body_that_does_not_come_is_waited_for_no_longer_than_is_fair(
    api: Running, monkeypatch: pytest.MonkeyPatch, path: str, tmp_path: Path
) -> None:
    monkeypatch.setattr(body_limit, "SILENT_SECONDS", 0.3)
    kind = "multipart/form-data; boundary=x" if path == "/v1/datasets" else "application/json"
    address = api.url.removeprefix("http://")
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        head = f"POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {kind}\r\n"
        client.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        assert b" 408 " in client.recv(10_000)


def test_what_follows_a_body_is_waited_for_without_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "SILENT_SECONDS", 0.05)
    messages = [{"type": "http.request", "body": b"{}"}]

    async def receive() -> dict[str, object]:
        if messages:
            return messages.pop()
        await asyncio.sleep(0.2)
        return {"type": "http.disconnect"}

    async def scenario() -> None:
        body = body_limit._Body(receive, 100)
        assert (await body.receive())["type"] == "http.request"
        assert (await body.receive())["type"] == "http.disconnect"

    asyncio.run(scenario())
