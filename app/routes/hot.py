"""The image of a seed by URL, answered before anything else looks at the request.

What FastAPI does for a request, dependencies and validation and a thread for the encoder, costs
more than such an image. So what is plain is answered here: a model's served checkpoint or one
that is named, known and loaded, of the class that the seed draws where there are some, without a
scale. All else, and every mistake, goes the whole way; both ways give the same answer.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.errors import MoggyError
from app.domain.pictures.encoders import MEDIA_TYPES, RECIPE_KEY, encode_image
from app.domain.pictures.png import write_png
from app.domain.pictures.recipes import image_recipe, recipe_text
from app.domain.settings import Settings
from app.routes.generation import cache_headers, image_headers, is_known_by
from app.routes.problems import describe_error
from app.routes.waiting import DEADLINE_HEADER, deadline_passed
from app.serving.classes import choose_label
from app.serving.engine import Engine
from models.config import MAX_SEED
from models.samples import Sample

# AVIF takes as long as a whole batch: it is encoded in a thread of its own.
FORMATS = ("png", "webp", "jpg")
CHECKPOINT = b"checkpoint="
DEADLINE = DEADLINE_HEADER.lower().encode()
MAX_DIGITS = len(str(MAX_SEED))


class _Asked(NamedTuple):
    model: str
    checkpoint: str | None
    seed: int
    image_format: str
    known: str | None  # If-None-Match


class HotImages:
    """ASGI middleware next to the routes, within all that guards them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = _read(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if asked is None or not await _answer(asked, scope, receive, send):
            await self._app(scope, receive, send)


def _read(scope: Scope) -> _Asked | None:
    """`/v1/models/NAME/images/SEED.FORMAT`, at most with a `checkpoint`; None for all else."""
    parts = scope["path"].split("/")
    if len(parts) != 6 or parts[1] != "v1" or parts[2] != "models" or parts[4] != "images":
        return None
    seed, _, image_format = parts[5].partition(".")
    query: bytes = scope["query_string"]
    checkpoint = None
    if query:
        name = query.removeprefix(CHECKPOINT)
        if name == query or not name.isalnum():
            return None
        checkpoint = name.decode("ascii")
    if image_format not in FORMATS or len(seed) > MAX_DIGITS or not _is_number(seed):
        return None
    if int(seed) > MAX_SEED:
        return None
    known = None
    for name, value in scope["headers"]:
        if name == DEADLINE:
            return None
        if name == b"if-none-match":
            known = value.decode("latin-1")
    return _Asked(parts[3], checkpoint, int(seed), image_format, known)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


async def _answer(asked: _Asked, scope: Scope, receive: Receive, send: Send) -> bool:
    """Whether it was answered; nothing was sent or received where not."""
    state = scope["app"].state
    engine: Engine = state.engine
    settings: Settings = state.settings
    found = engine.catalogue.recall(state.database, asked.model, asked.checkpoint)
    if found is None or not engine.has_loaded(found):
        return False
    if found.shape[0] * found.shape[1] > settings.max_response_pixels:
        return False
    sample = Sample(asked.seed, choose_label(found, None, asked.seed))
    recipe = image_recipe(found, sample)
    text = recipe_text(recipe)
    headers = cache_headers(text, asked.image_format, asked.checkpoint)
    if is_known_by(asked.known, headers):
        await _send(send, 304, headers, b"")
        return True

    encode = partial(encode_image, image_format=asked.image_format, recipe=recipe)
    if asked.image_format == "png":
        encode = partial(write_png, texts={RECIPE_KEY: text})
    await receive()  # the request itself; what comes next is that the client has left
    try:
        async with _watched(receive, settings.generation_seconds):
            data = await engine.file(found, sample, encode)
    except MoggyError as error:
        await describe_error(error)(scope, receive, send)
        return True
    except _ClientLeft:
        return True  # nobody is there to be answered
    except TimeoutError:
        late = deadline_passed(Request(scope), settings.generation_seconds)
        await describe_error(late)(scope, receive, send)
        return True
    media_type = MEDIA_TYPES[asked.image_format]
    headers |= image_headers(recipe, asked.image_format)
    headers |= {"Content-Length": str(len(data)), "Content-Type": media_type}
    await _send(send, 200, headers, data)
    return True


class _ClientLeft(Exception):
    pass


@asynccontextmanager
async def _watched(receive: Receive, seconds: float) -> AsyncIterator[None]:
    """Cancels what is awaited within as soon as the client leaves, and raises _ClientLeft, or after
    so many seconds, and raises TimeoutError."""
    task, ended = asyncio.current_task(), False
    reason: type[Exception] | None = None
    assert task is not None

    def give_up(why: type[Exception]) -> None:
        nonlocal reason
        if not ended and reason is None:
            reason = why
            task.cancel()

    def leave(receiving: asyncio.Future[Message]) -> None:
        if ended or receiving.cancelled() or receiving.exception() is not None:
            return
        if receiving.result()["type"] == "http.disconnect":  # else more of a body nobody reads
            give_up(_ClientLeft)

    receiving = asyncio.ensure_future(receive())
    receiving.add_done_callback(leave)
    late = asyncio.get_running_loop().call_later(seconds, give_up, TimeoutError)
    try:
        yield
    except asyncio.CancelledError:
        if reason is not None and task.uncancel() == 0:
            raise reason from None
        raise
    finally:
        ended = True
        late.cancel()
        receiving.cancel()


async def _send(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    pairs = [(key.lower().encode(), value.encode("latin-1")) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
