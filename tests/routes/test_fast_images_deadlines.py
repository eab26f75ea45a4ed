"""The fast path cancels its work when the client disconnects or the deadline passes."""

import asyncio
import gc
from typing import Any
from unittest import mock

import pytest
from long_work import LongWork
from starlette.types import Message

from app.domain.settings import Settings
from app.routes import fast_images


def answer(generate: Any, disconnects: bool, seconds: float = 60) -> tuple[list[Message], bool]:
    """Return what is sent to a client that disconnects at once or never, and `_answer`'s result."""
    checkpoint = mock.Mock(classes=(), shape=(64, 64, 3))
    engine = mock.Mock(file=generate, seconds_to_wait=lambda: 3)
    engine.checkpoints.find_cached.return_value = checkpoint
    state = mock.Mock(engine=engine, settings=Settings(generation_seconds=seconds))
    sent: list[Message] = []
    incoming: list[Message] = [{"type": "http.request"}, {"type": "http.disconnect"}]

    async def receive() -> Message:
        if len(incoming) == 1 and not disconnects:
            await asyncio.sleep(60)
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    async def scenario() -> bool:
        image = fast_images._ImageRequest("cats", None, 7, "png", None)
        scope = {"type": "http", "headers": [], "app": mock.Mock(state=state)}
        recipe = {"model": "cats", "seed": 7}
        file = mock.Mock(recipe=recipe, recipe_text="{}")
        with mock.patch.object(fast_images, "ImageFile", return_value=file):
            return await asyncio.wait_for(fast_images._answer(image, scope, receive, send), 10)

    return sent, asyncio.run(scenario())


def test_work_is_cancelled_without_a_response_when_the_client_disconnects() -> None:
    work = LongWork()
    assert answer(work.run, disconnects=True) == ([], True)
    assert work.cancelled


@pytest.mark.parametrize("watched", [False, True])
def test_work_that_takes_longer_than_allowed_is_cancelled_and_answered_503(watched: bool) -> None:
    work = LongWork()
    seconds = 0.05 + 2 * fast_images.UNWATCHED_SECONDS * watched
    (start, _), answered = answer(work.run, disconnects=False, seconds=seconds)
    assert answered
    assert start["status"] == 503
    assert (b"retry-after", b"3") in start["headers"]
    assert work.cancelled


def test_a_watched_client_that_stays_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fast_images, "UNWATCHED_SECONDS", 0.0)

    async def generate(*_: object) -> bytes:
        await asyncio.sleep(0.02)
        return b"png"

    sent, answered = answer(generate, disconnects=False)
    assert answered
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


def test_a_disconnect_as_the_work_ends_cancels_nothing_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fast_images, "UNWATCHED_SECONDS", 0.0)
    begun: list[fast_images._DisconnectWatch] = []
    begin = fast_images._DisconnectWatch._begin

    def recorded(watch: fast_images._DisconnectWatch, seconds: float) -> None:
        begun.append(watch)
        begin(watch, seconds)

    monkeypatch.setattr(fast_images._DisconnectWatch, "_begin", recorded)

    async def generate(*_: object) -> bytes:
        for _turn in range(2):  # the watch has begun and has not yet received the disconnect
            await asyncio.sleep(0)
        return b"png"

    sent, answered = answer(generate, disconnects=True)
    assert answered
    assert len(begun) == 1
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


def test_a_watch_leaves_no_reference_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector runs rarely: cycles took 90 MB in eight minutes of overload."""
    monkeypatch.setattr(fast_images, "UNWATCHED_SECONDS", 0.0)

    async def generate(*_: object) -> bytes:
        await asyncio.sleep(0.02)
        return b"png"

    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        answer(generate, disconnects=False)
        gc.collect()
        kept = [item for item in gc.garbage if isinstance(item, fast_images._DisconnectWatch)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert kept == []


def test_a_cancellation_from_elsewhere_is_not_taken_for_a_disconnect() -> None:
    async def generate(*_: object) -> bytes:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        answer(generate, disconnects=False)
