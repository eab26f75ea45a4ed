"""Clients that disconnect during a call cause no error and leave nothing behind."""

import json
import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from databases import sqlite_database
from running_api import fill
from servers import free_port

from app.domain import events
from app.domain.database import Database
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.up.service import api_program

BOUNDARY = "a-boundary"
PART = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
ERRORS = ("Traceback", "Exception in ASGI", "request_failed", "Task exception", "never awaited")


class Server(NamedTuple):
    url: str
    job: str
    home: Path
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Iterator[Server]:
    """The API in its own process, with its output in a file."""
    folder = tmp_path_factory.mktemp("api")
    settings = Settings(home=folder / "home", redis_url=valkey_url)
    sqlite_database(settings.home / "moggy.db")
    database = Database(settings.database)
    jobs, _ = fill(database, ObjectStore(settings), folder)
    with database.write() as session:  # more than a stream sends before its client leaves
        for images_seen in range(1500):
            events.append(session, jobs[0], "progress", {"images_seen": images_seen})
    database.close()
    port, log = free_port(), folder / "log"
    environment = {"MOGGY_HOME": str(settings.home), "MOGGY_REDIS_URL": valkey_url}
    program = api_program(Settings(home=settings.home, port=port), {}).command
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program[0], "-X", "dev", *program[1:]],
            env=os.environ | environment,
            stdout=output,
            stderr=output,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process, log)
        yield Server(url, jobs[0], settings.home, log)
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if httpx2.get(f"{url}/healthz").status_code == 200:
                return
        except httpx2.TransportError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


def requests_to(server: Server) -> dict[str, tuple[bytes, int]]:
    """Return what each client sends, and how many bytes it reads before it disconnects."""
    images = json.dumps({"count": 5000, "format": "zip"})
    grid = json.dumps({"count": 4000, "format": "grid"})
    job = json.dumps({"dataset": "noise", "model": "plain"})
    form = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    stream, many = f"/v1/jobs/{server.job}/events", "/v1/models/plain/images"
    merged = f"/v1/events?jobs={server.job}"
    return {
        "an upload": (_post("/v1/datasets", PART + "x" * 300_000, 2_000_000, **form), 0),
        "an upload at its header": (_post("/v1/datasets", "", 2_000_000, **form), 0),
        "a stream of events": (_get(stream), 200),
        "a stream of events before its answer": (_get(stream), 0),
        "a long stream of events": (_get(stream), 50_000),
        "the events of several jobs": (_get(merged), 50_000),
        "the events of several jobs before their answer": (_get(merged), 0),
        "a zip": (_post(many, images), 5000),
        "a zip before its answer": (_post(many, images), 0),
        "a grid": (_post(many, grid), 0),
        "an image": (_get("/v1/models/plain/images/7.png"), 0),
        "half a body": (_post("/v1/jobs", job[:20], len(job)), 0),
        "half a body of an image request": (_post(many, grid[:10], len(grid)), 0),
        "half a picture": (_post("/v1/recipes/verify", "x" * 1000, 5000), 0),
        "half a picture to read": (_post("/v1/recipes/read", "x" * 1000, 5000), 0),
        "a list": (_get("/v1/jobs"), 0),
        "the document": (_get("/openapi.json"), 100),
        "half a header": (b"GET /v1/jobs HTTP/1.1\r\nHost: 127", 0),
    }


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def _post(path: str, body: str, length: int | None = None, **headers: str) -> bytes:
    headers = {"Content-Type": "application/json"} | headers
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", body]).encode()


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_disconnects_cause_no_error_and_leave_nothing_behind(server: Server, reset: bool) -> None:
    before = server.log.stat().st_size
    with ExitStack() as clients:
        for request, read in requests_to(server).values():
            connection = clients.enter_context(
                socket.create_connection(("127.0.0.1", server.port), timeout=30)
            )
            connection.sendall(request)
            received = 0
            while received < read:
                received += len(connection.recv(read))
            if reset:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        _ask(server, "/v1/models")  # answered after it has begun to work on all of them
    deadline = time.monotonic() + 30
    while list((server.home / "incoming").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    _ask(server, "/v1/models")
    time.sleep(0.3)  # a failed task is logged when it is garbage collected
    log = server.log.read_bytes()[before:].decode()
    assert not [error for error in ERRORS if error in log], log
    assert list((server.home / "incoming").iterdir()) == []
    datasets = _ask(server, "/v1/datasets")["items"]
    assert [dataset["name"] for dataset in datasets] == ["noise"]


def _ask(server: Server, path: str) -> dict[str, Any]:
    """The JSON at a path. A busy machine may take long."""
    response = httpx2.get(f"{server.url}{path}", timeout=120).raise_for_status()
    body: dict[str, Any] = response.json()
    return body
