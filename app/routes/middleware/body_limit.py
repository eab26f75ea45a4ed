"""How much a request may send and how slowly, by route; large JSON is parsed in a thread.

FastAPI's own limit answers in plain text, and every error here is a problem document.
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

UPLOADS = "/v1/datasets"  # counted as it streams into files, against MOGGY_MAX_UPLOAD_BYTES
LATENTS = re.compile("/v1/models/[^/]+/(images|interpolations)")
FILES = re.compile("/v1/recipes/[^/]+")
MAX_JSON_BYTES = 1024**2  # where no latents and no files are taken
MAX_LARGE_BYTES = 32 * 1024**2  # a thousand latents of a thousand numbers, and room to spare
NUMBER_BYTES = 25  # of a latent: float64's 17 digits, sign, point, exponent and comma
MAX_HELD_BYTES = 2 * MAX_LARGE_BYTES  # of all large bodies that are not answered yet
SILENT_SECONDS = 30.0  # for which a client may send nothing of a body
BODY_SECONDS = 60.0  # in which a body that is no upload has to be there
PARSED_HERE_BYTES = 64 * 1024  # of JSON, which take a millisecond
# Of one body: 10,000 latents of 256 numbers, and room to spare. As Python objects, values take up
# to thirty times the bytes of their JSON, and nothing else runs while the interpreter makes them.
MAX_VALUES = 3_000_000


class BodyLimit:
    """ASGI middleware that counts what is read, whatever length the client states."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        most = settings.max_images_per_request * MAX_LATENT_DIM * NUMBER_BYTES
        self._latents_bytes = min(max(most, MAX_JSON_BYTES), MAX_LARGE_BYTES)
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._limit(scope))
        if body.limit is not None and stated_length(scope) > body.limit:
            await problem(413, "Too large", _too_large(body.limit))(scope, receive, send)
            return
        held = 0

        async def counted() -> Message:
            nonlocal held
            message = await body.receive()
            if body.limit is not None and body.received > MAX_JSON_BYTES:
                self._held += body.received - held
                held = body.received
                if self._held > MAX_HELD_BYTES:
                    raise HTTPException(
                        503,
                        f"requests of more than {MAX_HELD_BYTES:,} bytes in all are being read: "
                        "try again",
                        {"Retry-After": "1"},
                    )
            return message

        async def release(message: Message) -> None:
            nonlocal held
            self._held -= held
            held = 0
            await send(message)

        try:
            await self._app(scope, counted, release)
        finally:
            self._held -= held

    def _limit(self, scope: Scope) -> int | None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path == UPLOADS:
            return None
        if LATENTS.fullmatch(path):
            return self._latents_bytes
        return MAX_LARGE_BYTES if FILES.fullmatch(path) else MAX_JSON_BYTES


class _Body:
    """Receives one body within its limits; what comes after it without any."""

    def __init__(self, receive: Receive, limit: int | None) -> None:
        self.limit, self.received = limit, 0
        self._receive = receive
        self._ended = False
        self._give_up = time.monotonic() + BODY_SECONDS

    async def receive(self) -> Message:
        if self._ended:
            return await self._receive()
        seconds = SILENT_SECONDS
        if self.limit is not None:
            seconds = min(seconds, self._give_up - time.monotonic())
        try:
            async with asyncio.timeout(seconds):
                message = await self._receive()
        except TimeoutError as exc:
            raise HTTPException(408, "the body of the request did not come in time") from exc
        self.received += len(message.get("body", b""))
        self._ended = not message.get("more_body", False)
        if self.limit is not None and self.received > self.limit:
            raise HTTPException(413, _too_large(self.limit))
        return message


def stated_length(scope: Scope) -> int:
    """Content-Length; 0 where there is none that is a number."""
    stated = dict(scope["headers"]).get(b"content-length", b"")
    return int(stated) if stated.isdigit() and len(stated) < 20 else 0


def _too_large(limit: int) -> str:
    return f"the request is larger than the {limit:,} bytes that may be sent here"


class LargeBodyRoute(APIRoute):
    """A route whose JSON may be large: parsed in a thread, one at a time."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_LargeRequest(request.scope, request.receive))

        return handle


class _LargeRequest(Request):
    async def json(self) -> Any:
        body = await self.body()
        if len(body) <= PARSED_HERE_BYTES:
            return await super().json()
        one_at_a_time: CapacityLimiter = self.app.state.parsing
        return await to_thread.run_sync(_parse, body, limiter=one_at_a_time)


def _parse(body: bytes) -> Any:
    """As `json.loads`, in a third of the time. Raises HTTPException for too many values."""
    # A comma or an opening bracket stands before every value; text may hold further ones.
    if sum(body.count(sign) for sign in (b",", b"[", b"{")) > MAX_VALUES:
        raise HTTPException(
            413, f"the body holds more than {MAX_VALUES:,} values: split it into several requests"
        )
    try:
        return from_json(body)
    except ValueError:
        return json.loads(body)  # raises the error that FastAPI knows
