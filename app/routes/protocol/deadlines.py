"""Deadlines: work for a client is cancelled when it disconnects or its deadline passes."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Annotated, Any, ClassVar, TypeVar

from fastapi import Header, Request
from pydantic import WithJsonSchema

from app.domain.errors import InvalidRequest, MoggyError, Unavailable

T = TypeVar("T")

DEADLINE_HEADER = "Moggy-Deadline"


class ClientLeft(MoggyError):
    """The client has closed the connection and reads no response."""

    status: ClassVar[int] = 499
    title: ClassVar[str] = "Client closed request"
    kind: ClassVar[str] = "client_left"


class DeadlinePassed(Unavailable):
    title = "Deadline passed"
    kind = "deadline_passed"


async def allow_deadline(
    request: Request,
    seconds: Annotated[
        float | None,
        Header(
            alias=DEADLINE_HEADER,
            gt=0,
            allow_inf_nan=False,
            description="Seconds after which the request is answered 503 and the remaining images "
            "are skipped. A streamed response must have begun by then. The default, and the "
            "greatest value, is MOGGY_GENERATION_SECONDS.",
        ),
        WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
    ] = None,
) -> None:
    """A dependency that sets the deadline of `while_connected` for this request."""
    limit: float = request.app.state.settings.generation_seconds
    if seconds is not None and seconds > limit:
        raise InvalidRequest(
            f"{DEADLINE_HEADER} {seconds:g} is beyond the limit of {limit:g} seconds "
            "(MOGGY_GENERATION_SECONDS): give less, or leave it out",
            field=DEADLINE_HEADER,
        )
    request.state.seconds_allowed = limit if seconds is None else seconds
    request.state.deadline = time.monotonic() + request.state.seconds_allowed


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return the work's result, or cancel it when the client disconnects or its deadline passes.

    All calls for one request share its deadline. Raises DeadlinePassed, ClientLeft.
    """
    remaining = max(0.0, request.state.deadline - time.monotonic())
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_client_leaves(request))
    try:
        await asyncio.wait(
            (working, leaving), timeout=remaining, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        left = leaving.done()
        leaving.cancel()
        abandoned = not working.done()
        working.cancel()
    if abandoned and left:
        leaving.result()  # raises if the client is still connected and its body is too large
        raise ClientLeft("the client left before its images were made")
    if abandoned:
        raise deadline_passed(request, request.state.seconds_allowed)
    return working.result()


def deadline_passed(request: Request, seconds: float) -> DeadlinePassed:
    """Build the error of a request that was not answered within `seconds`."""
    wait: int = request.app.state.engine.seconds_to_wait()
    return DeadlinePassed(
        f"the images were not made within {seconds:g} seconds: retry later, ask for fewer, or "
        f"allow more ({DEADLINE_HEADER}, at most MOGGY_GENERATION_SECONDS)",
        retry_after=max(1, wait),
    )


async def _client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
