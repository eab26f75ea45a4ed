"""A part of a file, as a client asks for it: RFC 9110, section 14."""

import re
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from app.domain.errors import RangeNotSatisfiable
from app.routes.document import binary_content

# One range; a request for several is answered with the whole, as a server may.
SINGLE = re.compile(r"bytes=\s*(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))\s*", re.ASCII | re.IGNORECASE)


def part_response(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """The 206 answer, for the OpenAPI document."""
    description = "The part that `Range` asks for"
    return {206: {"description": description, "content": binary_content(*media_types)}}


class ByteRange(NamedTuple):
    """Bytes `start` to before `stop`."""

    start: int
    stop: int

    def headers(self, size: int) -> dict[str, str]:
        """What tells of it, being a part of so many bytes."""
        return {"Content-Range": f"bytes {self.start}-{self.stop - 1}/{size}"}


def part_asked_for(request: Request, response: Response) -> Response:
    """A whole answer with an ETag, or the part of it that the request's `Range` is for."""
    body, tag = bytes(response.body), response.headers["ETag"]
    response.headers["Accept-Ranges"] = "bytes"
    part = asked_range(
        request.headers.get("range"), request.headers.get("if-range"), tag, len(body)
    )
    if part is None:
        return response
    headers = dict(response.headers) | part.headers(len(body))
    headers["content-length"] = str(part.stop - part.start)
    return Response(body[part.start : part.stop], 206, headers)


def asked_range(asked: str | None, condition: str | None, tag: str, size: int) -> ByteRange | None:
    """What `Range` asks for of a file with this ETag, unless `If-Range` names another; None: all.

    Raises RangeNotSatisfiable where the file has no such byte.
    """
    match = SINGLE.fullmatch(asked) if asked else None
    if match is None or (condition is not None and condition.strip() != tag):
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        start, stop = max(0, size - int(suffix)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None  # no range at all, which is as if nothing had been asked for
    if start >= size or start >= stop:
        raise RangeNotSatisfiable(
            f"the file has {size:,} bytes, numbered from 0: there are none of {asked}", size=size
        )
    return ByteRange(start, stop)
