"""HEAD: what a GET would answer, without its body."""

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MARK = "moggy.head"  # in the scope of a GET that was a HEAD


def is_head(request: Request) -> bool:
    """Whether the body will be dropped: a route that knows its headers need not begin it."""
    return bool(request.scope.get(MARK))


class HeadAsGet:
    """ASGI middleware, so that no route has to name HEAD beside GET.

    Whatever the route would still send is dropped; a stream is told that its client has left.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        answered = asyncio.Event()

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                answered.set()

        async def receive_until_answered() -> Message:
            asking = asyncio.ensure_future(receive())
            answering = asyncio.ensure_future(answered.wait())
            try:
                await asyncio.wait((asking, answering), return_when=asyncio.FIRST_COMPLETED)
                return asking.result() if asking.done() else {"type": "http.disconnect"}
            finally:
                asking.cancel()
                answering.cancel()

        # A part can be asked for with GET alone (RFC 9110, 14.2).
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        asked = {**scope, "method": "GET", "headers": headers, MARK: True}
        await self._app(asked, receive_until_answered, send_head)
