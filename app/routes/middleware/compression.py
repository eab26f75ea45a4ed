"""gzip for long JSON, CSV and text.

Pictures, archives and event streams are left as they are; so are files that can be fetched in
parts, because a range counts the bytes as they are stored.
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

MINIMUM_BYTES = 1024  # a shorter response fits into one packet either way
LEVEL = 5  # a third of level 9's time for 1 % more bytes of JSON
# The files of jobs, those of the pages, which are compressed once and which anyone may request, and
# playgrounds, most of which is compressed inside.
UNCOMPRESSED_PATHS = re.compile(
    "/v1/jobs/[^/]+/files/|/assets/|/v1/models/[^/]+/playground\\.html$"
)
UNCOMPRESSED_TYPES = (
    *DEFAULT_EXCLUDED_CONTENT_TYPES,
    "image/*",
    "multipart/*",
    "application/octet-stream",
    "application/vnd.apache.parquet",
    "application/x-tar",
)


class Compression:
    """ASGI middleware: gzip where `Accept-Encoding` accepts it with a weight above 0.

    Starlette's own ignores the weights. The ETag of a compressed response is made weak: a strong
    one identifies the bytes (RFC 9110, 8.8.3).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or UNCOMPRESSED_PATHS.match(scope["path"]):
            await self._app(scope, receive, send)
            return
        request_headers = Headers(scope=scope)

        async def send_weak(message: Message) -> None:
            if message["type"] == "http.response.start":
                _weaken_etag(MutableHeaders(scope=message), message["status"], request_headers)
            await send(message)

        accept_encoding = ",".join(request_headers.getlist("accept-encoding"))
        if accepts_coding(accept_encoding, "gzip"):
            gzip = GZipResponder(
                self._app, MINIMUM_BYTES, LEVEL, exclude_content_types=UNCOMPRESSED_TYPES
            )
            await gzip(scope, receive, send_weak)
        else:  # adds `Vary: Accept-Encoding`, so that caches keep the two responses apart
            identity = IdentityResponder(
                self._app, MINIMUM_BYTES, exclude_content_types=UNCOMPRESSED_TYPES
            )
            await identity(scope, receive, send)


def _weaken_etag(response: MutableHeaders, status: int, request: Headers) -> None:
    """Make the ETag weak if the response is compressed, or is a 304 for a weak tag."""
    etag = response.get("etag", "")
    if not etag.startswith('"'):
        return
    weak = f"W/{etag}"
    was_weak = status == 304 and weak in request.get("if-none-match", "")
    if "content-encoding" in response or was_weak:
        response["ETag"] = weak
