"""Requests at a steady rate, whatever becomes of them: an open loop over kept connections.

A latency counts from the moment when its request was due, so that a service that stalls is charged
with all who came meanwhile; a client that waits for an answer before it asks again is not. Beside
the answers stands what the client itself cost and how late it was: on few cores it takes what the
service would have.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, cast

import uvloop

# A connection that was idle for longer is not used again: the service closes them after five.
IDLE_SECONDS = 3.0
NO_ANSWER = 0  # the status of a connection that was refused, reset or silent for too long
PATIENCE_SECONDS = 60.0
END_OF_HEAD = b"\r\n\r\n"


class Outcome(NamedTuple):
    """Of one request; times are seconds, `due` since the start. Headers are in lower case."""

    number: int
    due: float
    latency: float
    status: int
    head: bytes


@dataclass(frozen=True)
class Pace:
    """How it went. `held_back` requests were not made, as all connections were in use."""

    sent: int
    held_back: int
    connections: int  # at most at once
    late_p99: float  # seconds from when a request was due until it was sent
    cores: float  # that the client itself kept busy


def pace(
    port: int,
    render: Callable[[int], bytes],
    note: Callable[[Outcome], None],
    *,
    rate: float,
    seconds: float,
    connections: int,
    sent: Callable[[], object] = lambda: None,
) -> Pace:
    """Make rate × seconds requests of 127.0.0.1, and wait for the answers; `note` hears of each.

    `render` makes the bytes of each by its number, 0 and on. `sent` is called once the last is
    sent, before its answer is there.
    """
    return uvloop.run(Client(port, render, note, connections).run(rate, seconds, sent))


class Client:
    """The connections, and the requests that were given to them."""

    def __init__(
        self,
        port: int,
        render: Callable[[int], bytes],
        note: Callable[[Outcome], None],
        connections: int,
    ) -> None:
        self._port = port
        self._render = render
        self._note = note
        self._limit = connections
        self._connections: set[_Connection] = set()
        self._idle: list[_Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._open = self._most = 0
        self._late: list[float] = []
        self._held_back = 0
        self._unanswered = 0
        self._started = 0.0

    async def run(self, rate: float, seconds: float, sent: Callable[[], object]) -> Pace:
        count, number = int(rate * seconds), 0
        self._started, used = time.perf_counter(), time.process_time()
        while number < count:
            due = min(count, int(self.now() * rate) + 1)
            for one in range(number, due):
                self._ask(one, one / rate)
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
        self._late.sort()
        late = self._late[int(0.99 * len(self._late))] if self._late else 0.0
        return Pace(len(self._late), self._held_back, self._most, late, cores)

    def now(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._started

    def _ask(self, number: int, due: float) -> None:
        connection = self._reuse()
        if connection is not None:
            self._late.append(self.now() - due)
            self._unanswered += 1
            connection.ask(number, due, self._render(number))
        elif self._open < self._limit:
            self._late.append(self.now() - due)
            self._unanswered += 1
            self._open += 1
            self._most = max(self._most, self._open)
            task = asyncio.ensure_future(self._ask_anew(number, due))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        else:
            self._held_back += 1

    def _reuse(self) -> "_Connection | None":
        """The one that was used last, if that is not too long ago."""
        if not self._idle:
            return None
        connection = self._idle.pop()
        if self.now() - connection.idle_since < IDLE_SECONDS:
            return connection
        for old in [connection, *self._idle]:
            old.close()
        self._idle.clear()
        return None

    async def _ask_anew(self, number: int, due: float) -> None:
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
        connection.ask(number, due, self._render(number))

    def answered(self, number: int, due: float, status: int, head: bytes) -> None:
        self._unanswered -= 1
        self._note(Outcome(number, due, self.now() - due, status, head))

    def rest(self, connection: "_Connection") -> None:
        connection.idle_since = self.now()
        self._idle.append(connection)

    def forget(self, connection: "_Connection") -> None:
        self._open -= 1
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)


class _Connection(asyncio.Protocol):
    """One request at a time, and its answer, which has a length."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asked: tuple[int, float] | None = None
        self._received = bytearray()
        self._head = b""
        self._length = 0  # of the answer, once its headers are there
        self.idle_since = 0.0

    def ask(self, number: int, due: float, data: bytes) -> None:
        self._asked = (number, due)
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
        if len(self._received) >= self._length and self._asked is not None:
            asked, self._asked = self._asked, None
            head, self._head = self._head, b""
            self._received.clear()
            self._client.rest(self)
            self._client.answered(*asked, status_of(head), head)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._client.forget(self)
        if self._asked is not None:
            asked, self._asked = self._asked, None
            self._client.answered(*asked, NO_ANSWER, b"")


def status_of(head: bytes) -> int:
    return int(head.split(None, 2)[1])


def content_length(head: bytes) -> int:
    """Of lower-case headers; 0 where they do not say."""
    value = head.partition(b"\r\ncontent-length:")[2]
    return int(value.partition(b"\r\n")[0] or 0)
