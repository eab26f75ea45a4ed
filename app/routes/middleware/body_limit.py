"""Limits on request bodies: their size by route, their speed, and all large ones together.

FastAPI's own limit responds in plain text, but every error of this API is a problem document. Large
JSON is parsed in a thread.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.settings import Settings
from app.routes.protocol.problems import problem
from app.serving.latents import MAX_LATENT_DIM

UPLOAD_PATHS = ("/v1/datasets", "/v1/models")  # limited by settings while they stream into files
LATENT_PATHS = re.compile(r"/v1/models/[^/]+/(images|interpolations|latents(\.json)?)")
FILE_PATHS = re.compile(
    r"/v1/(recipes|uploads)/[^/]+|/v1/models/[^/]+/(projections|search|directions|latents\.npz)"
)
MAX_JSON_BYTES = 1024**2  # at every other path
MAX_LARGE_BYTES = 32 * 1024**2  # more than a thousand latents of a thousand numbers
NUMBER_BYTES = 25  # of a number in a latent: float64's 17 digits, sign, point, exponent, comma
MAX_HELD_BYTES = 2 * MAX_LARGE_BYTES  # of all large bodies whose responses have not started
SILENT_SECONDS = 30.0  # the longest wait for the next bytes of a body
# A body, uploads excepted, may take BODY_SECONDS at any speed, and longer while it arrives at
# SLOW_BYTES a second: a slow line may send a large photo. No client can hold the memory of
# MAX_HELD_BYTES by sending a byte now and then, also after a burst: the deadline is never more than
# BODY_SECONDS ahead.
BODY_SECONDS = 60.0
SLOW_BYTES = 64 * 1024
INLINE_PARSE_BYTES = 64 * 1024  # parsed in the event loop: it takes a millisecond
# In one body: more than 10,000 latents of 256 numbers. As Python objects, values take up to thirty
# times the bytes of their JSON, and creating them blocks every thread.
MAX_VALUES = 3_000_000


class BodyLimit:
    """ASGI middleware that limits the bytes received, whatever Content-Length the client states."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        latents_bytes = settings.max_images_per_request * MAX_LATENT_DIM * NUMBER_BYTES
        self._latents_bytes = min(max(latents_bytes, MAX_JSON_BYTES), MAX_LARGE_BYTES)
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._limit(scope))
        if body.limit is not None and stated_length(scope) > body.limit:
            await problem(413, "Too large", _too_large(body.limit), "too_large")(
                scope, receive, send
            )
            return
        held_bytes = 0

        async def receive_counted() -> Message:
            nonlocal held_bytes
            message = await body.receive()
            if body.limit is not None and body.received > MAX_JSON_BYTES:
                self._held_bytes += body.received - held_bytes
                held_bytes = body.received
                if self._held_bytes > MAX_HELD_BYTES:
                    raise HTTPException(
                        503,
                        f"the large requests being read exceed {MAX_HELD_BYTES:,} bytes in all: "
                        "try again",
                        {"Retry-After": "1"},
                    )
            return message

        async def send_and_release(message: Message) -> None:
            nonlocal held_bytes
            self._held_bytes -= held_bytes
            held_bytes = 0
            await send(message)

        try:
            await self._app(scope, receive_counted, send_and_release)
        finally:
            self._held_bytes -= held_bytes

    def _limit(self, scope: Scope) -> int | None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path in UPLOAD_PATHS:
            return None
        if LATENT_PATHS.fullmatch(path):
            return self._latents_bytes
        return MAX_LARGE_BYTES if FILE_PATHS.fullmatch(path) else MAX_JSON_BYTES


class _Body:
    """Receives one body within its limits. Messages after the body are not limited."""

    def __init__(self, receive: Receive, limit: int | None) -> None:
        self.limit, self.received = limit, 0
        self._receive = receive
        self._ended = False
        self._deadline = time.monotonic() + BODY_SECONDS

    async def receive(self) -> Message:
        if self._ended:
            return await self._receive()
        seconds = SILENT_SECONDS
        if self.limit is not None:
            seconds = min(seconds, self._deadline - time.monotonic())
        try:
            async with asyncio.timeout(seconds):
                message = await self._receive()
        except TimeoutError as exc:
            raise HTTPException(
                408,
                f"the body of the request did not arrive in time: {self.received:,} bytes of it "
                "are here; send it without pauses, or less at a time",
            ) from exc
        size = len(message.get("body", b""))
        self.received += size
        self._deadline = min(self._deadline + size / SLOW_BYTES, time.monotonic() + BODY_SECONDS)
        self._ended = not message.get("more_body", False)
        if self.limit is not None and self.received > self.limit:
            raise HTTPException(413, _too_large(self.limit))
        return message


def stated_length(scope: Scope) -> int:
    """Return the Content-Length; 0 where it is absent or not a number."""
    stated = dict(scope["headers"]).get(b"content-length", b"")
    return int(stated) if stated.isdigit() and len(stated) <= 20 else 0


def _too_large(limit: int) -> str:
    return f"the body is larger than the {limit:,} bytes that are allowed at this path"


class LargeBodyRoute(APIRoute):
    """A route whose JSON may be large: it is parsed in a thread, one body at a time."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_LargeRequest(request.scope, request.receive))

        return handle


class _LargeRequest(Request):
    async def json(self) -> Any:
        body = await self.body()
        if len(body) <= INLINE_PARSE_BYTES:
            return await super().json()
        limiter: CapacityLimiter = self.app.state.large_json_parsing
        return await to_thread.run_sync(_parse, body, limiter=limiter)


def _parse(body: bytes) -> Any:
    """Parse like `json.loads`, in a third of the time. Raises HTTPException for too many values."""
    # A comma or an opening bracket precedes every value. Those inside strings are counted as well.
    if sum(body.count(sign) for sign in (b",", b"[", b"{")) > MAX_VALUES:
        raise HTTPException(
            413, f"the body holds more than {MAX_VALUES:,} values: split it into several requests"
        )
    try:
        return from_json(body)
    except ValueError:
        return json.loads(body)  # raises the JSONDecodeError that FastAPI handles
