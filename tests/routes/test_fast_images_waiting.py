"""Waiting on the short way to an image: as long as its client does, and no longer than allowed."""

import asyncio
import gc
from typing import Any
from unittest import mock

import pytest
from long_work import LongWork
from starlette.types import Message

from app.domain.settings import Settings
from app.routes import fast_images


def asked_directly(generate: Any, leaves: bool, seconds: float = 60) -> tuple[list[Message], bool]:
    """What is sent to a client, who leaves at once or never; and whether it was answered."""
    found = mock.Mock(classes=(), shape=(64, 64, 3))
    engine = mock.Mock(file=generate, seconds_to_wait=lambda: 3)
    engine.checkpoints.find_cached.return_value = found
    state = mock.Mock(engine=engine, settings=Settings(generation_seconds=seconds))
    sent: list[Message] = []
    incoming: list[Message] = [{"type": "http.request"}, {"type": "http.disconnect"}]

    async def receive() -> Message:
        if len(incoming) == 1 and not leaves:
            await asyncio.sleep(60)
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    async def scenario() -> bool:
        asked = fast_images._ImageRequest("cats", None, 7, "png", None)
        scope = {"type": "http", "headers": [], "app": mock.Mock(state=state)}
        with mock.patch.object(
            fast_images, "image_recipe", return_value={"model": "cats", "seed": 7}
        ):
            return await asyncio.wait_for(fast_images._answer(asked, scope, receive, send), 10)

    return sent, asyncio.run(scenario())


def test_whose_client_leaves_is_given_up_and_answered_nothing() -> None:
    work = LongWork()
    assert asked_directly(work.run, leaves=True) == ([], True)
    assert work.cancelled


@pytest.mark.parametrize("watched", [False, True])
def test_what_takes_longer_than_allowed_is_given_up_and_refused(watched: bool) -> None:
    work = LongWork()
    seconds = 0.05 + 2 * fast_images.UNWATCHED_SECONDS * watched
    (start, _), answered = asked_directly(work.run, leaves=False, seconds=seconds)
    assert answered
    assert start["status"] == 503
    assert (b"retry-after", b"3") in start["headers"]
    assert work.cancelled


def test_who_stays_is_answered_however_often_it_is_asked_whether_they_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fast_images, "UNWATCHED_SECONDS", 0.0)

    async def generate(*_: object) -> bytes:
        await asyncio.sleep(0.02)
        return b"png"

    sent, answered = asked_directly(generate, leaves=False)
    assert answered
    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body"]


def test_who_leaves_as_the_answer_is_made_is_not_cancelled_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fast_images, "UNWATCHED_SECONDS", 0.0)
    begun: list[fast_images._Watch] = []
    begin = fast_images._Watch._begin

    def noted(watched: fast_images._Watch, seconds: float) -> None:
        begun.append(watched)
        begin(watched, seconds)

    monkeypatch.setattr(fast_images._Watch, "_begin", noted)

    async def generate(*_: object) -> bytes:
        for _turn in range(2):  # by when it is asked whether they left, and not yet known
            await asyncio.sleep(0)
        return b"png"

    sent, answered = asked_directly(generate, leaves=True)
    assert answered
    assert len(begun) == 1
    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body"]


def test_who_was_watched_leaves_nothing_for_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs seldom: what keeps itself until then took 90 MB of eight minutes' overload."""
    monkeypatch.setattr(fast_images, "UNWATCHED_SECONDS", 0.0)

    async def generate(*_: object) -> bytes:
        await asyncio.sleep(0.02)
        return b"png"

    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        asked_directly(generate, leaves=False)
        gc.collect()
        kept = [one for one in gc.garbage if isinstance(one, fast_images._Watch)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert kept == []


def test_a_cancellation_from_elsewhere_is_not_taken_for_a_client_that_left() -> None:
    async def generate(*_: object) -> bytes:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asked_directly(generate, leaves=False)
