"""How much a request that is not an upload may send.

FastAPI's own limit answers in plain text, and every error here is a problem document.
"""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOADS = "/v1/datasets"  # counted as it streams into files, against MOGGY_MAX_UPLOAD_BYTES
MAX_JSON_BYTES = 32 * 1024**2  # a thousand latents of a thousand numbers, and room to spare


class BodyLimit:
    """ASGI middleware that counts what is read, whatever length the client states."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == UPLOADS:
            await self._app(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_JSON_BYTES:
                raise HTTPException(413, f"the request is larger than {MAX_JSON_BYTES:,} bytes")
            return message

        await self._app(scope, counted, send)
