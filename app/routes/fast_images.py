"""The image of a seed by URL, answered before anything else looks at the request.

What FastAPI does for a request, dependencies and validation and a thread for the encoder, costs
more than such an image, and its middlewares alone a tenth of what is left. So what is plain and
allowed is answered here: a model's served checkpoint or one that is named, known and loaded, of
the class that the seed draws where there are some, without a scale. All else, and every mistake,
goes the whole way; both ways give the same answer.
"""

import asyncio
import operator
from typing import Any, NamedTuple

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.domain.errors import MoggyError
from app.domain.images.encoders import MEDIA_TYPES
from app.domain.images.recipes import image_recipe, recipe_text
from app.domain.settings import Settings
from app.routes.generation import image_headers
from app.routes.middleware.cors import Cors
from app.routes.middleware.proxies import Prefix
from app.routes.middleware.security import Access
from app.routes.protocol.caching import cache_headers, matches_etag
from app.routes.protocol.deadlines import DEADLINE_HEADER, deadline_passed
from app.routes.protocol.problems import describe_error, unexpected
from app.serving.engine import Engine
from app.serving.latents import choose_label, label_needs_torch_import
from models.config import MAX_SEED
from models.samples import Sample

# AVIF takes as long as a whole batch: it is encoded in a thread of its own.
FORMATS = ("png", "webp", "jpg")
CHECKPOINT = b"checkpoint="
DEADLINE = DEADLINE_HEADER.lower().encode()
MAX_DIGITS = len(str(MAX_SEED))
UNWATCHED_SECONDS = 0.05


class _Asked(NamedTuple):
    model: str
    checkpoint: str | None
    seed: int
    image_format: str
    known: str | None  # If-None-Match


class FastImageApi(FastAPI):
    """FastAPI, and before it the short way."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        ids = operator.attrgetter("name")  # of operations: the names of their functions
        super().__init__(generate_unique_id_function=ids, redirect_slashes=False, **options)
        self.state.settings = settings
        self._access = Access(settings)

        entry: ASGIApp = self._dispatch
        if settings.cors_origins:
            entry = Cors(entry, settings.cors_origins)
        if settings.root_path or settings.trusted_proxies:
            entry = Prefix(entry, settings)
        self._entry = entry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._entry(scope, receive, send)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        _drop_last_slash(scope)
        asked = _read(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        scope["app"] = self  # as FastAPI does, for whoever reads the request
        if not (asked and self._allows(scope) and await _answer(asked, scope, receive, send)):
            await super().__call__(scope, receive, send)

    def _allows(self, scope: Scope) -> bool:
        try:
            self._access.check(scope)
        except MoggyError:
            return False
        return True


def _drop_last_slash(scope: Scope) -> None:
    """Let a path that ends with one slash mean the path without it, for every later reader.

    The framework would redirect to it, at the host that the client named.
    """
    path = scope.get("path", "")
    several = path.endswith("//")
    if path.endswith("/") and not several and path[:-1] != scope.get("root_path", ""):
        scope["path"] = path[:-1]
        scope["raw_path"] = scope.get("raw_path", b"").removesuffix(b"/")


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
    found = engine.checkpoints.find_cached(state.database, asked.model, asked.checkpoint)
    if found is None or not engine.has_loaded(found):
        return False
    if found.shape[0] * found.shape[1] > settings.max_response_pixels:
        return False
    if label_needs_torch_import(found):
        return False  # the ordinary route draws it in a thread
    sample = Sample(asked.seed, choose_label(found, None, asked.seed))
    recipe = image_recipe(found, sample)
    text = recipe_text(recipe)
    headers = cache_headers(text, asked.image_format, asked.checkpoint)
    if matches_etag(asked.known, headers):
        await _send(send, 304, headers, b"")
        return True

    try:
        with _Watched(receive, settings.generation_seconds):
            data = await engine.file(found, sample, asked.image_format, text)
    except MoggyError as error:
        await describe_error(error)(scope, receive, send)
        return True
    except _ClientLeft:
        return True  # nobody is there to be answered
    except TimeoutError:
        late = deadline_passed(Request(scope), settings.generation_seconds)
        await describe_error(late)(scope, receive, send)
        return True
    except Exception as error:  # noqa: BLE001  # told of as FastAPI would
        await unexpected(Request(scope), error)(scope, receive, send)
        return True
    media_type = MEDIA_TYPES[asked.image_format]
    headers |= image_headers(recipe, asked.image_format)
    headers |= {"Content-Length": str(len(data)), "Content-Type": media_type}
    await _send(send, 200, headers, data)
    return True


class _ClientLeft(Exception):
    pass


class _Watched:
    """Cancels what is awaited within as soon as the client leaves, and raises _ClientLeft, or after
    so many seconds, and raises TimeoutError.

    Whether the client leaves is asked after a moment, by which most are answered: it takes a task.
    """

    def __init__(self, receive: Receive, seconds: float) -> None:
        waiting = asyncio.current_task()
        assert waiting is not None
        self._receive, self._seconds, self._waiting = receive, seconds, waiting
        self._reason: type[Exception] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> None:
        unwatched = min(UNWATCHED_SECONDS, self._seconds)
        self._timer = self._loop.call_later(unwatched, self._begin, self._seconds - unwatched)

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        self._timer.cancel()
        watching, self._watching = self._watching, None  # else they keep each other
        if watching:
            watching.cancel()
        reason = self._reason if isinstance(error, asyncio.CancelledError) else None
        if reason is not None and self._waiting.uncancel() == 0:
            raise reason from None

    def _begin(self, seconds: float) -> None:
        self._watching = self._loop.create_task(self._watch())
        self._timer = self._loop.call_later(seconds, self._give_up, TimeoutError)

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass  # the request, or more of a body that nobody reads
        self._give_up(_ClientLeft)

    def _give_up(self, reason: type[Exception]) -> None:
        if self._reason is None:
            self._reason = reason
            self._waiting.cancel()


async def _send(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    pairs = [(key.lower().encode(), value.encode("latin-1")) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
