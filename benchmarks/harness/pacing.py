"""Requests at a steady rate, whether or not they are answered: an open loop over kept connections.

A latency counts from the moment at which its request was due, so a stall of the service also counts
for every request that was due during it. A closed loop, which waits for an answer before it sends
again, hides this. The result also has the processor time and the lateness of the client itself: on
few cores the client takes time from the service.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, cast

import uvloop

# A connection that was idle for longer is not reused: the service closes it after five seconds.
IDLE_SECONDS = 3.0
NO_ANSWER = 0  # the status of a connection that was refused, reset or silent for too long
PATIENCE_SECONDS = 60.0
END_OF_HEAD = b"\r\n\r\n"


class Outcome(NamedTuple):
    """The outcome of a request; times in seconds, `due` since the start; `head` in lower case."""

    number: int
    due: float
    latency: float
    status: int
    head: bytes


@dataclass(frozen=True)
class Pace:
    """The client's side. `held_back` requests were not sent because all connections were in use."""

    sent: int
    held_back: int
    connections: int  # the most that were open at once
    late_p99: float  # seconds from when a request was due until it was sent
    cores: float  # that the client itself kept busy


def pace(
    port: int,
    render: Callable[[int], bytes],
    record: Callable[[Outcome], None],
    *,
    rate: float,
    seconds: float,
    connections: int,
    sent: Callable[[], object] = lambda: None,
) -> Pace:
    """Send rate × seconds requests to 127.0.0.1 and wait for the answers; `record` gets each one.

    `render` makes the bytes of a request from its number, which counts from 0. `sent` is called
    after the last request is sent, before its answer arrives.
    """
    return uvloop.run(Client(port, render, record, connections).run(rate, seconds, sent))


class Client:
    """The connections, and the requests that they carry."""

    def __init__(
        self,
        port: int,
        render: Callable[[int], bytes],
        record: Callable[[Outcome], None],
        connections: int,
    ) -> None:
        self._port = port
        self._render = render
        self._record = record
        self._limit = connections
        self._connections: set[_Connection] = set()
        self._idle: list[_Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._open = self._most_open = 0
        self._lateness: list[float] = []
        self._held_back = 0
        self._unanswered = 0
        self._started = 0.0

    async def run(self, rate: float, seconds: float, sent: Callable[[], object]) -> Pace:
        count, number = int(rate * seconds), 0
        self._started, used = time.perf_counter(), time.process_time()
        while number < count:
            due = min(count, int(self.now() * rate) + 1)
            for next_number in range(number, due):
                self._send(next_number, next_number / rate)
            number = due
            await asyncio.sleep(max(0.0, number / rate - self.now()))
        sent()
        cores = (time.process_time() - used) / self.now()
        patience = self.now() + PATIENCE_SECONDS
        while self._unanswered and self.now() < patience:
            await asyncio.sleep(0.01)
        for task in self._opening:
            task.cancel()
        for connection in list(self._connections):
            connection.close()
        await asyncio.sleep(0)  # let them close
        self._lateness.sort()
        late = self._lateness[int(0.99 * len(self._lateness))] if self._lateness else 0.0
        return Pace(len(self._lateness), self._held_back, self._most_open, late, cores)

    def now(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._started

    def _send(self, number: int, due: float) -> None:
        connection = self._idle_connection()
        if connection is not None:
            self._lateness.append(self.now() - due)
            self._unanswered += 1
            connection.send(number, due, self._render(number))
        elif self._open < self._limit:
            self._lateness.append(self.now() - due)
            self._unanswered += 1
            self._open += 1
            self._most_open = max(self._most_open, self._open)
            task = asyncio.ensure_future(self._send_on_new_connection(number, due))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        else:
            self._held_back += 1

    def _idle_connection(self) -> "_Connection | None":
        """The most recently used idle connection, unless the service may have closed it."""
        if not self._idle:
            return None
        connection = self._idle.pop()
        if self.now() - connection.idle_since < IDLE_SECONDS:
            return connection
        for old in [connection, *self._idle]:
            old.close()
        self._idle.clear()
        return None

    async def _send_on_new_connection(self, number: int, due: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(
                lambda: _Connection(self), "127.0.0.1", self._port
            )
        except OSError:
            self._open -= 1
            self.answered(number, due, NO_ANSWER, b"")
            return
        self._connections.add(connection)
        connection.send(number, due, self._render(number))

    def answered(self, number: int, due: float, status: int, head: bytes) -> None:
        self._unanswered -= 1
        self._record(Outcome(number, due, self.now() - due, status, head))

    def mark_idle(self, connection: "_Connection") -> None:
        connection.idle_since = self.now()
        self._idle.append(connection)

    def forget(self, connection: "_Connection") -> None:
        self._open -= 1
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)


class _Connection(asyncio.Protocol):
    """Carries one request at a time; its answer has a Content-Length."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._pending: tuple[int, float] | None = None
        self._received = bytearray()
        self._head = b""
        self._length = 0  # of the whole answer, known once its headers are complete
        self.idle_since = 0.0

    def send(self, number: int, due: float, data: bytes) -> None:
        self._pending = (number, due)
        self._transport.write(data)

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._head:
            end = self._received.find(END_OF_HEAD)
            if end < 0:
                return
            self._head = bytes(self._received[:end]).lower()
            self._length = end + len(END_OF_HEAD) + content_length(self._head)
        if len(self._received) >= self._length and self._pending is not None:
            pending, self._pending = self._pending, None
            head, self._head = self._head, b""
            self._received.clear()
            self._client.mark_idle(self)
            self._client.answered(*pending, status_of(head), head)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._client.forget(self)
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._client.answered(*pending, NO_ANSWER, b"")


def status_of(head: bytes) -> int:
    return int(head.split(None, 2)[1])


def content_length(head: bytes) -> int:
    """The Content-Length in lower-case headers; 0 if there is none."""
    value = head.partition(b"\r\ncontent-length:")[2]
    return int(value.partition(b"\r\n")[0] or 0)
