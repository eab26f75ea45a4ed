"""Limits on request bodies: size by route, speed, and all of them together."""

import asyncio
import json
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from fastapi.testclient import TestClient
from running_api import LATENT_DIM, Running, running_api
from starlette.exceptions import HTTPException
from starlette.types import Message

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
def test_a_body_beyond_the_limit_of_its_route_is_refused_unread(
    client: TestClient, path: str, limit: int
) -> None:
    method = "PATCH" if path == "/v1/models/plain" else "POST"
    body = b" " * (limit + 1)
    for content in (body, iter([body])):  # with a stated length, and without
        answer = client.request(method, path, content=content, headers=JSON)
        if answer.status_code != 413:  # no route there reads a body
            assert path in ("/healthz", "/v1/nothing")
            assert not isinstance(content, bytes)
            continue
        assert answer.headers["content-type"] == "application/problem+json"
        assert f"{limit:,}" in answer.json()["detail"]


def test_the_limit_for_latents_follows_the_images_per_request(settings: Settings) -> None:
    few = settings.model_copy(update={"max_images_per_request": 50})
    with TestClient(create_app(few), base_url="http://127.0.0.1:8000") as client:
        answer = client.post("/v1/models/x/images", content=bytes(1_300_000), headers=JSON)
    assert (answer.status_code, "1,280,000" in answer.json()["detail"]) == (413, True)


def test_a_large_body_is_parsed_like_a_small_one(api: Running) -> None:
    latents = [[random.gauss(0, 1) for _ in range(LATENT_DIM)] for _ in range(1000)]
    body = json.dumps({"latents": latents, "format": "json"}).encode()
    assert len(body) > body_limit.INLINE_PARSE_BYTES
    url = f"{api.url}/v1/models/plain/images"
    answer = httpx2.post(url, content=body, headers=JSON, timeout=60)
    assert (answer.status_code, len(answer.json()["items"])) == (200, 1000)
    broken = httpx2.post(url, content=body[:-1], headers=JSON, timeout=60)
    assert (broken.status_code, broken.json()["title"]) == (400, "Malformed body")
    assert "at character" in broken.json()["detail"]


def test_other_requests_are_answered_during_ten_large_bodies(api: Running) -> None:
    body = json.dumps({"latents": [[0.123456789] * 1024] * 1000}).encode()
    url = f"{api.url}/v1/models/plain/images"
    slowest = 0.0  # in CPU time of this process, in which the API runs: parsing is elsewhere
    with ThreadPoolExecutor(10) as clients:
        requests = [
            clients.submit(httpx2.post, url, content=body, headers=JSON, timeout=120)
            for _ in range(10)
        ]
        while not all(request.done() for request in requests):
            started = time.process_time()
            assert httpx2.get(f"{api.url}/healthz", timeout=120).status_code == 200
            slowest = max(slowest, time.process_time() - started)
            time.sleep(0.02)
    statuses = {request.result().status_code for request in requests}
    assert statuses <= {422, 503}  # 422: wrong length of latents; 503: too many bytes
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
def test_a_body_of_too_many_values_is_not_parsed(
    client: TestClient, values: bytes, call: str
) -> None:
    answer = client.post(f"/v1/models/x/{call}", content=values, headers=JSON)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert f"{MAX_VALUES:,} values" in answer.json()["detail"]


def test_the_bytes_of_all_large_bodies_are_limited_and_released(
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
def test_a_stalled_body_is_answered_408(
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


@pytest.mark.parametrize(
    ("burst", "bytes_a_second", "arrives"),
    [(100_000, 100_000, True), (20_000, 20_000, False), (20_000_000, 1, False)],
)
def test_a_large_body_is_received_at_any_speed_but_a_very_low_one(
    monkeypatch: pytest.MonkeyPatch, burst: int, bytes_a_second: int, arrives: bool
) -> None:
    seconds = 0

    async def receive() -> Message:
        nonlocal seconds
        seconds += 1
        await asyncio.sleep(0)
        size = burst if seconds == 1 else bytes_a_second
        more = bytes_a_second * seconds < MAX_LARGE_BYTES - bytes_a_second
        return {"type": "http.request", "body": bytes(size), "more_body": more}

    async def scenario() -> None:
        body = body_limit._Body(receive, MAX_LARGE_BYTES)
        while (await body.receive())["more_body"]:
            pass

    clock = SimpleNamespace(monotonic=lambda: seconds)
    monkeypatch.setattr(body_limit, "time", clock)
    if arrives:
        asyncio.run(scenario())
    else:
        with pytest.raises(HTTPException, match="less at a time"):
            asyncio.run(scenario())
        assert body_limit.BODY_SECONDS <= seconds < 100


def test_messages_after_the_body_have_no_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "SILENT_SECONDS", 0.05)
    messages: list[Message] = [{"type": "http.request", "body": b"{}"}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.sleep(0.2)
        return {"type": "http.disconnect"}

    async def scenario() -> None:
        body = body_limit._Body(receive, 100)
        assert (await body.receive())["type"] == "http.request"
        assert (await body.receive())["type"] == "http.disconnect"

    asyncio.run(scenario())
