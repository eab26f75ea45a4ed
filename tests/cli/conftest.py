"""A small HTTP service on loopback that answers what a test tells it to, and remembers."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from app.cli.main import run

Answer = tuple[int, str, bytes]  # status, media type, body

KEPT = 4_000_000


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes  # its first megabytes
    size: int  # of the whole body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def as_json(content: Any, status: int = 200) -> Answer:
    return status, "application/json", json.dumps(content).encode()


def as_problem(status: int, title: str, detail: str, **members: Any) -> Answer:
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return status, "application/problem+json", json.dumps(content | members).encode()


def as_events(*events: tuple[int, str, dict[str, Any]]) -> Answer:
    """A stream that breaks off after `events`, each (id, type, data)."""
    lines = [
        f"id: {id_}\nevent: {type_}\ndata: {json.dumps(data)}\n\n" for id_, type_, data in events
    ]
    return 200, "text/event-stream", "".join([": ping\n\n", *lines]).encode()


# What a running job has beside its kind and its names.
RUNNING_JOB: dict[str, Any] = {
    "id": "j1",
    "status": "running",
    "position": None,
    "attempt": 1,
    "error": None,
    "progress": {
        "images_seen": 0,
        "images_total": None,
        "images_per_second": None,
        "eta_seconds": None,
    },
}


@dataclass
class FakeService:
    """Answers by `METHOD /path`: a list is used up one by one, its last answer again and again."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def on(self, request: str, *answers: Answer) -> None:
        self.answers[request] = list(answers)

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        waiting = self.answers.get(f"{asked.method} {asked.path}")
        if not waiting:
            return as_problem(404, "Not found", f"there is no {asked.path}")
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def requests(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: FakeService

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(min(size, KEPT))
        left = size - len(body)
        while left:
            left -= len(self.rfile.read(min(left, KEPT)))
        asked = Asked(self.command, self.path, dict(self.headers), body, size)
        status, media_type, content = self.service.answer(asked)
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        if media_type == "text/event-stream":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    """A running service, which the environment names."""
    fake = FakeService()
    handler = type("ServiceHandler", (Handler,), {"service": fake})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        fake.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("MOGGY_URL", fake.url)
        monkeypatch.delenv("MOGGY_API_KEY", raising=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def moggy(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs a command line in this process."""

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Result(code, *capsys.readouterr())

    return call
