"""HEAD requests: the response of GET without its body."""

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCOPE_KEY = "moggy.head"  # marks a GET that was a HEAD


def is_head(request: Request) -> bool:
    """Whether the body will be dropped, so that a route need not read a file to send it."""
    return bool(request.scope.get(SCOPE_KEY))


class HeadAsGet:
    """ASGI middleware that turns HEAD into GET, so that no route needs to declare HEAD.

    It drops the body. A streaming route receives `http.disconnect` once its response has started.
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
            receiving = asyncio.ensure_future(receive())
            answering = asyncio.ensure_future(answered.wait())
            try:
                await asyncio.wait((receiving, answering), return_when=asyncio.FIRST_COMPLETED)
                return receiving.result() if receiving.done() else {"type": "http.disconnect"}
            finally:
                receiving.cancel()
                answering.cancel()

        # Range applies to GET alone (RFC 9110, 14.2).
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        get_scope = {**scope, "method": "GET", "headers": headers, SCOPE_KEY: True}
        await self._app(get_scope, receive_until_answered, send_head)
