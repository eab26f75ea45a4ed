"""How long a client waits for images: until it leaves, or its deadline passes."""

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
    """Nobody reads this answer: the connection is closed."""

    status: ClassVar[int] = 499
    title: ClassVar[str] = "Client closed request"


class DeadlinePassed(Unavailable):
    title = "Deadline passed"


async def allow_deadline(
    request: Request,
    seconds: Annotated[
        float | None,
        Header(
            alias=DEADLINE_HEADER,
            gt=0,
            allow_inf_nan=False,
            description="Seconds after which the images are of no use any more: 503 then, and "
            "what has not been made of them is not. Of what is sent while it is made, the first "
            "pictures have to be there by then. At most, and by default, "
            "MOGGY_GENERATION_SECONDS.",
        ),
        WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
    ] = None,
) -> None:
    """A dependency: what `while_connected` of this request waits for."""
    limit: float = request.app.state.settings.generation_seconds
    if seconds is not None and seconds > limit:
        raise InvalidRequest(
            f"{DEADLINE_HEADER} {seconds:g} is beyond the limit of {limit:g} seconds "
            "(MOGGY_GENERATION_SECONDS): ask for less, or leave it out",
            field=DEADLINE_HEADER,
        )
    request.state.seconds_allowed = limit if seconds is None else seconds
    request.state.deadline = time.monotonic() + request.state.seconds_allowed


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The work's result; the work is cancelled as soon as the client leaves, or is too late.

    The deadline is the request's, however often it waits. Raises DeadlinePassed, ClientLeft.
    """
    left_over = max(0.0, request.state.deadline - time.monotonic())
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_client_leaves(request))
    try:
        await asyncio.wait(
            (working, leaving), timeout=left_over, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        left = leaving.done()
        leaving.cancel()
        abandoned = not working.done()
        working.cancel()
    if abandoned and left:
        leaving.result()  # raises where the client is still there and its body is too large
        raise ClientLeft("the client left before its images were made")
    if abandoned:
        raise deadline_passed(request, request.state.seconds_allowed)
    return working.result()


def deadline_passed(request: Request, seconds: float) -> DeadlinePassed:
    """The error of a request that was not answered in so many seconds."""
    wait: int = request.app.state.engine.seconds_to_wait()
    return DeadlinePassed(
        f"the images were not made within {seconds:g} seconds: ask again later, for fewer, or "
        f"allow more ({DEADLINE_HEADER}, at most MOGGY_GENERATION_SECONDS)",
        retry_after=max(1, wait),
    )


async def _client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
