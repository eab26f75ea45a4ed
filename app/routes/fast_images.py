"""The fast path: the image of a seed by its URL, answered before FastAPI handles the request.

FastAPI's dependencies, validation and encoding thread take more time than generating such an image;
its middleware alone takes a tenth of the remaining time. A request is answered here if it is
allowed, its checkpoint is cached and loaded, and it has no option but `checkpoint`. All others fall
through to FastAPI's router, invalid requests too. Both paths give the same response.
"""

import asyncio
from typing import Any, NamedTuple

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.domain.errors import MoggyError
from app.domain.images.encoders import MEDIA_TYPES
from app.domain.settings import Settings
from app.routes.generation import image_headers
from app.routes.middleware.cors import Cors
from app.routes.middleware.proxies import ProxyPrefix
from app.routes.middleware.security import AccessPolicy
from app.routes.protocol.caching import cache_headers, matches_etag
from app.routes.protocol.deadlines import DEADLINE_HEADER, deadline_passed
from app.routes.protocol.problems import describe_error, unexpected
from app.serving.engine import Engine
from app.serving.image_files import QUICK_FORMATS, ImageFile
from app.serving.samples import choose_label
from models.config import MAX_SEED
from models.samples import Sample

CHECKPOINT_PARAMETER = b"checkpoint="
DEADLINE = DEADLINE_HEADER.lower().encode()
MAX_DIGITS = len(str(MAX_SEED))
UNWATCHED_SECONDS = 0.05  # most images take less; watching for a disconnect costs a task


class _ImageRequest(NamedTuple):
    model: str
    checkpoint: str | None
    seed: int
    image_format: str
    if_none_match: str | None


class FastImageApi(FastAPI):
    """FastAPI with the fast path for images before it."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        super().__init__(redirect_slashes=False, **options)
        self.state.settings = settings
        self._policy = AccessPolicy(settings)

        entry: ASGIApp = self._dispatch
        if settings.cors_origins:
            entry = Cors(entry, settings.cors_origins)
        if settings.root_path or settings.trusted_proxies:
            entry = ProxyPrefix(entry, settings)
        self._entry = entry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._entry(scope, receive, send)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        _drop_last_slash(scope)
        is_get = scope["type"] == "http" and scope["method"] == "GET"
        image = _parse(scope) if is_get else None
        scope["app"] = self  # as FastAPI does
        if not (image and self._allows(scope) and await _answer(image, scope, receive, send)):
            await super().__call__(scope, receive, send)

    def _allows(self, scope: Scope) -> bool:
        try:
            self._policy.check(scope)
        except MoggyError:
            return False
        return True


def _drop_last_slash(scope: Scope) -> None:
    """Treat a path that ends with one slash as the path without it.

    FastAPI would redirect instead, to the host that the client named.
    """
    path = scope.get("path", "")
    ends_with_one_slash = path.endswith("/") and not path.endswith("//")
    if ends_with_one_slash and path[:-1] != scope.get("root_path", ""):
        scope["path"] = path[:-1]
        scope["raw_path"] = scope.get("raw_path", b"").removesuffix(b"/")


def _parse(scope: Scope) -> _ImageRequest | None:
    """Parse `/v1/models/NAME/images/SEED.FORMAT[?checkpoint=ID]`; None for anything else."""
    parts = scope["path"].split("/")
    if len(parts) != 6 or parts[1] != "v1" or parts[2] != "models" or parts[4] != "images":
        return None
    seed, _, image_format = parts[5].partition(".")
    query: bytes = scope["query_string"]
    checkpoint = None
    if query:
        value = query.removeprefix(CHECKPOINT_PARAMETER)
        if value == query or not value.isalnum():
            return None
        checkpoint = value.decode("ascii")
    if image_format not in QUICK_FORMATS or len(seed) > MAX_DIGITS or not _is_number(seed):
        return None
    if int(seed) > MAX_SEED:
        return None
    if_none_match = None
    for name, value in scope["headers"]:
        if name == DEADLINE:
            return None
        if name == b"if-none-match":
            if_none_match = value.decode("latin-1")
    return _ImageRequest(parts[3], checkpoint, int(seed), image_format, if_none_match)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


async def _answer(image: _ImageRequest, scope: Scope, receive: Receive, send: Send) -> bool:
    """Answer the request and return True, or return False with nothing received or sent."""
    state = scope["app"].state
    engine: Engine = state.engine
    settings: Settings = state.settings
    checkpoint = engine.checkpoints.find_cached(state.database, image.model, image.checkpoint)
    if checkpoint is None or not engine.has_loaded(checkpoint):
        return False
    if checkpoint.shape[0] * checkpoint.shape[1] > settings.max_response_pixels:
        return False
    sample = Sample(image.seed, choose_label(checkpoint, None, image.seed))
    file = ImageFile(checkpoint, sample, image.image_format)
    headers = cache_headers(file.recipe_text, image.image_format, image.checkpoint)
    if matches_etag(image.if_none_match, headers):
        await _send(send, 304, headers, b"")
        return True

    try:
        with _DisconnectWatch(receive, settings.generation_seconds):
            data = await engine.file(file)
    except MoggyError as error:
        await describe_error(error)(scope, receive, send)
        return True
    except _Disconnected:
        return True
    except TimeoutError:
        timeout = deadline_passed(Request(scope), settings.generation_seconds)
        await describe_error(timeout)(scope, receive, send)
        return True
    except Exception as error:  # noqa: BLE001  # answered like an error in a route
        await unexpected(Request(scope), error)(scope, receive, send)
        return True
    media_type = MEDIA_TYPES[image.image_format]
    headers |= image_headers(file.recipe, image.image_format)
    headers |= {"Content-Length": str(len(data)), "Content-Type": media_type}
    await _send(send, 200, headers, data)
    return True


class _Disconnected(Exception):
    pass


class _DisconnectWatch:
    """A context manager that cancels its block when the client disconnects or after `seconds`.

    The block then raises _Disconnected or TimeoutError. The client's messages are received only
    after UNWATCHED_SECONDS.
    """

    def __init__(self, receive: Receive, seconds: float) -> None:
        block = asyncio.current_task()
        assert block is not None
        self._receive, self._seconds, self._block = receive, seconds, block
        self._reason: type[Exception] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> None:
        unwatched = min(UNWATCHED_SECONDS, self._seconds)
        self._timer = self._loop.call_later(unwatched, self._begin, self._seconds - unwatched)

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        self._timer.cancel()
        watcher, self._watcher = self._watcher, None  # breaks the reference cycle
        if watcher:
            watcher.cancel()
        reason = self._reason if isinstance(error, asyncio.CancelledError) else None
        if reason is not None and self._block.uncancel() == 0:
            raise reason from None

    def _begin(self, seconds: float) -> None:
        self._watcher = self._loop.create_task(self._watch())
        self._timer = self._loop.call_later(seconds, self._give_up, TimeoutError)

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass  # the body of a GET, which is ignored
        self._give_up(_Disconnected)

    def _give_up(self, reason: type[Exception]) -> None:
        if self._reason is None:
            self._reason = reason
            self._block.cancel()


async def _send(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    pairs = [(key.lower().encode(), value.encode("latin-1")) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
