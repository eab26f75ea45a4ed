"""gzip for what it makes smaller: JSON, CSV and text of some length, and no picture, archive or
stream of events.
"""

from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp

MINIMUM_BYTES = 1024  # a shorter answer is one packet either way
LEVEL = 5  # a third of level 9's time for 1 % more bytes of JSON
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
