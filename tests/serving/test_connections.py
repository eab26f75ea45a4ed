"""Connections of clients that send slowly, send too much, or do not read, on real sockets."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import uvicorn
from servers import free_port

from app.serving import connections

OK = b"HTTP/1.1 200 OK"
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LARGE = 64 * 1024**2


async def answer(scope: Any, receive: Any, send: Any) -> None:
    size = LARGE if scope["path"] == "/large" else 2
    headers = [(b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"o" * size})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    port = free_port()
    protocol = "app.serving.connections:Connection"
    options: dict[str, Any] = {"http": protocol, "ws": "none", "lifespan": "off"}
    server = uvicorn.Server(uvicorn.Config(answer, port=port, log_level="error", **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield port
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def client(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        yield client


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time limits short enough for a test."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(connections, "STALLED_SECONDS", 0.5)


def read_all(client: socket.socket) -> int:
    """Read until the server closes the connection, and return the number of bytes. Fails after the
    client's timeout if it stays open."""
    read = 0
    with suppress(ConnectionError):
        while data := client.recv(1 << 20):
            read += len(data)
    return read


def send_slowly(client: socket.socket, data: bytes) -> None:
    for byte in data:
        client.sendall(bytes([byte]))
        time.sleep(0.02)


def test_a_client_that_sends_nothing_is_disconnected(quick: None, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        assert read_all(client) == 0


@pytest.mark.parametrize("first", [b"", REQUEST])
def test_a_head_that_arrives_too_slowly_ends_the_connection(
    quick: None, port: int, first: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        if first:
            client.sendall(first)
            assert client.recv(10_000).startswith(OK)
        started = time.monotonic()
        with pytest.raises(ConnectionError):
            send_slowly(client, REQUEST[:-2] + b"X-More: " + b"x" * 1000)
        assert 0.4 < time.monotonic() - started < 10


def test_an_endless_head_is_refused(client: socket.socket) -> None:
    client.sendall(REQUEST[:-2])
    header = b"X-More: " + b"x" * 10_000 + b"\r\n"
    with pytest.raises(ConnectionError):
        client.sendall(header * 10_000)  # 100 MB


def test_an_endless_url_is_refused_with_a_status(client: socket.socket) -> None:
    client.sendall(b"GET /" + b"x" * (connections.MAX_HEAD_BYTES // 2))
    time.sleep(0.2)
    client.sendall(b"x" * connections.MAX_HEAD_BYTES)
    assert client.recv(1000).startswith(b"HTTP/1.1 431 ")
    assert read_all(client) == 0


def test_a_client_that_does_not_read_the_response_is_disconnected(quick: None, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        time.sleep(3)
        assert read_all(client) < LARGE


def test_a_client_that_reads_slowly_gets_the_whole_response(quick: None, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        read, started = 0, time.monotonic()
        while read < LARGE:
            data = client.recv(1 << 20)
            assert data
            read += len(data)
            time.sleep(0.02)
        assert time.monotonic() - started > 1  # twice STALLED_SECONDS


def test_a_connection_serves_several_requests(client: socket.socket) -> None:
    for _ in range(3):
        client.sendall(REQUEST)
        assert client.recv(10_000).startswith(OK)
    client.sendall(REQUEST * 3)  # pipelined
    time.sleep(0.5)
    assert client.recv(10_000).count(OK) == 3
