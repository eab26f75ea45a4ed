"""A small HTTP service on loopback: it sends prepared responses and records the requests."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from app.cli import follow
from app.cli.main import run

Answer = tuple[int, str, bytes]  # status, media type, body

KEPT_BYTES = 4_000_000


@dataclass(frozen=True)
class Request:
    """One received request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes  # its first KEPT_BYTES
    size: int  # of the whole body

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def as_json(content: Any, status: int = 200) -> Answer:
    return status, "application/json", json.dumps(content).encode()


def as_problem(status: int, title: str, detail: str, **members: Any) -> Answer:
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return status, "application/problem+json", json.dumps(content | members).encode()


def as_events(*events: tuple[int, str, dict[str, Any]]) -> Answer:
    """A stream that ends after `events`, each (id, type, data)."""
    lines = [
        f"id: {id_}\nevent: {type_}\ndata: {json.dumps(data)}\n\n" for id_, type_, data in events
    ]
    return 200, "text/event-stream", "".join([": ping\n\n", *lines]).encode()


# The fields of a running job, without its kind and its names.
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

# A job as a list has it.
LISTED_JOB: dict[str, Any] = {
    "id": "j1",
    "kind": "train",
    "status": "queued",
    "position": 2,
    "stop_requested": None,
    "owner": None,
    "model": "cats",
    "dataset": "cats",
    "progress": {"images_seen": 1200, "images_total": 750000},
    "created_at": "2026-01-02T03:04:05Z",
}


@dataclass
class FakeService:
    """Answers `METHOD /path` with its answers in order; the last one is repeated."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    received: list[Request] = field(default_factory=list)

    def on(self, line: str, *answers: Answer) -> None:
        self.answers[line] = list(answers)

    def answer(self, request: Request) -> Answer:
        self.received.append(request)
        answers = self.answers.get(request.line)
        if not answers:
            return as_problem(404, "Not found", f"there is no {request.path}")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def lines(self) -> list[str]:
        return [request.line for request in self.received]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: FakeService

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(min(size, KEPT_BYTES))
        left = size - len(body)
        while left:
            left -= len(self.rfile.read(min(left, KEPT_BYTES)))
        request = Request(self.command, self.path, dict(self.headers), body, size)
        status, media_type, content = self.service.answer(request)
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        if media_type == "text/event-stream":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    """A running service, named by MOGGY_URL."""
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


Moggy = Callable[..., Result]


@pytest.fixture
def moggy(capsys: pytest.CaptureFixture[str]) -> Moggy:
    """Runs a command line in this process."""

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Result(code, *capsys.readouterr())

    return call


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a broken event stream be resumed without a pause."""
    monkeypatch.setattr(follow, "RETRY_SECONDS", (0.01,))
