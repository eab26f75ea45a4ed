"""gzip for what it makes smaller: JSON, CSV and text of some length, and no picture, archive or
stream of events, nor a file that may be asked for in parts, which are of the bytes as stored.
"""

from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

MINIMUM_BYTES = 1024  # a shorter answer is one packet either way
LEVEL = 5  # a third of level 9's time for 1 % more bytes of JSON
FILES = "/files/"  # of a job
SMALL_ALREADY = (
    *DEFAULT_EXCLUDED_CONTENT_TYPES,
    "image/*",
    "multipart/*",
    "application/octet-stream",
    "application/vnd.apache.parquet",
    "application/x-tar",
)


class Compression(GZipMiddleware):
    """Where `Accept-Encoding` allows it."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            app,
            minimum_size=MINIMUM_BYTES,
            compresslevel=LEVEL,
            exclude_content_types=SMALL_ALREADY,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and FILES in scope["path"]:
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
