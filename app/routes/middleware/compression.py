"""gzip for what it makes smaller: JSON, CSV and text of some length, and no picture, archive or
stream of events, nor a file that may be asked for in parts, which are of the bytes as stored.
"""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import (
    DEFAULT_EXCLUDED_CONTENT_TYPES,
    GZipResponder,
    IdentityResponder,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.routes.protocol.negotiation import accepts_coding

MINIMUM_BYTES = 1024  # a shorter answer is one packet either way
LEVEL = 5  # a third of level 9's time for 1 % more bytes of JSON
# Files of jobs, and the script of the page /docs, whose 1.5 MB anybody may ask for.
UNCOMPRESSED = re.compile("/v1/jobs/[^/]+/files/|/docs/assets/")
SMALL_ALREADY = (
    *DEFAULT_EXCLUDED_CONTENT_TYPES,
    "image/*",
    "multipart/*",
    "application/octet-stream",
    "application/vnd.apache.parquet",
    "application/x-tar",
)


class Compression:
    """ASGI middleware: gzip where `Accept-Encoding` asks for it, which Starlette's own takes to be
    wherever it is named, be it with a weight of 0.

    The ETag of what is compressed is weak: a strong one is of the bytes (RFC 9110, 8.8.3).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or UNCOMPRESSED.match(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def send_weak(message: Message) -> None:
            if message["type"] == "http.response.start":
                _weaken(MutableHeaders(scope=message), message["status"], headers)
            await send(message)

        given = ",".join(headers.getlist("accept-encoding"))
        if accepts_coding(given, "gzip"):
            gzip = GZipResponder(
                self._app, MINIMUM_BYTES, LEVEL, exclude_content_types=SMALL_ALREADY
            )
            await gzip(scope, receive, send_weak)
        else:  # it tells caches that another client is answered otherwise
            plain = IdentityResponder(self._app, MINIMUM_BYTES, exclude_content_types=SMALL_ALREADY)
            await plain(scope, receive, send)


def _weaken(answer: MutableHeaders, status: int, asked: Headers) -> None:
    """Make its ETag weak, if it is compressed, or says that what the client has compressed is
    still right: that is the one with this very tag."""
    tag = answer.get("etag", "")
    if not tag.startswith('"'):
        return
    weak = f"W/{tag}"
    if "content-encoding" in answer or (status == 304 and weak in asked.get("if-none-match", "")):
        answer["ETag"] = weak
