"""HTTP connections with limits, for `uvicorn --http app.serving.connections:Connection`.

Uvicorn alone has no limits for these: the time until the head of a request is complete, the size of
the head, and the time during which a client does not read the response. It also waits, before it
stops, until every response is complete, and tells the application only then that it stops.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 15.0  # from the connection, or a request's first byte, to the end of its head
MAX_HEAD_BYTES = 64 * 1024  # of the request line and all headers
STALLED_SECONDS = 60.0  # how long a client may read nothing of the response
HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)


ON_SHUTDOWN = "on_shutdown"  # in the state of the lifespan: called before uvicorn waits


class Connection(HttpToolsProtocol):
    """The connection of a client."""

    def __init__(self, *options: Any, **named: Any) -> None:
        super().__init__(*options, **named)
        self._in_head = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_timer = self._later(HEAD_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_head_timer()
        self._cancel_stall_timer()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        super().shutdown()
        on_shutdown: Callable[[], None] | None = self.app_state.get(ON_SHUTDOWN)
        if on_shutdown is not None:
            on_shutdown()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._in_head:  # nearly always: most heads arrive in one packet
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self.transport.write(HEAD_TOO_LARGE)
            self.transport.close()
        elif self._head_timer is None:
            self._head_timer = self._later(HEAD_SECONDS, self.transport.close)

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._cancel_head_timer()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_stall()

    def resume_writing(self) -> None:
        self._cancel_stall_timer()
        super().resume_writing()

    def _watch_stall(self) -> None:
        self._unsent = self.transport.get_write_buffer_size()
        self._stall_timer = self._later(STALLED_SECONDS, self._end_stall)

    def _end_stall(self) -> None:
        """End the connection, unless the client has read some of the response meanwhile."""
        if self.transport.get_write_buffer_size() < self._unsent:
            self._watch_stall()
        else:
            self.transport.abort()

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _cancel_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, callback)
