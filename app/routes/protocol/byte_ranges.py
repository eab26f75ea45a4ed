"""Byte ranges: the part of a file that `Range` and `If-Range` select (RFC 9110, section 14)."""

import re
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import RangeNotSatisfiable

# A single range. If a request has several, the whole file is sent, which the RFC allows.
SINGLE = re.compile(r"bytes=\s*(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))\s*", re.ASCII | re.IGNORECASE)


class ByteRange(NamedTuple):
    """The bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    def headers(self, size: int) -> dict[str, str]:
        """Return the Content-Range of this part of `size` bytes."""
        return {"Content-Range": f"bytes {self.start}-{self.stop - 1}/{size}"}


def select_range(request: Request, response: Response) -> Response:
    """Return the part of a whole response, with an ETag, that the request's `Range` selects."""
    body, etag = bytes(response.body), response.headers["ETag"]
    response.headers["Accept-Ranges"] = "bytes"
    part = parse_range(
        request.headers.get("range"), request.headers.get("if-range"), etag, len(body)
    )
    if part is None:
        return response
    headers = dict(response.headers) | part.headers(len(body))
    headers["content-length"] = str(part.stop - part.start)
    return Response(body[part.start : part.stop], 206, headers)


def parse_range(
    range_header: str | None, if_range: str | None, etag: str, size: int
) -> ByteRange | None:
    """Return the range of a file of `size` bytes; None if the whole file is to be sent.

    The whole file is sent if `Range` is absent or malformed, or if `If-Range` has another ETag.
    Raises RangeNotSatisfiable if the file has no such bytes.
    """
    match = SINGLE.fullmatch(range_header) if range_header else None
    if match is None or (if_range is not None and if_range.strip() != etag):
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        start, stop = max(0, size - int(suffix)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None  # malformed, and therefore ignored
    if start >= size or start >= stop:
        raise RangeNotSatisfiable(
            f"the file has {size:,} bytes, numbered from 0: {range_header} is outside of it",
            size=size,
        )
    return ByteRange(start, stop)
