"""Work is cancelled when its client disconnects or its deadline passes."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import HTTPException, Request
from fastapi.testclient import TestClient
from long_work import LongWork

from app.routes.protocol.deadlines import ClientLeft, DeadlinePassed, while_connected


def connection(*messages: str, pause: float = 0.0, seconds: float = 60.0) -> Request:
    """A request whose client sends these messages and then stays connected."""
    pending = list(messages)

    async def receive() -> dict[str, Any]:
        if not pending:
            await asyncio.Event().wait()
        await asyncio.sleep(pause)
        return {"type": pending.pop(0), "body": b""}

    engine = SimpleNamespace(seconds_to_wait=lambda: 0)
    app = SimpleNamespace(state=SimpleNamespace(engine=engine))
    return Request({"type": "http", "headers": [], "app": app, "state": allowed(seconds)}, receive)


def allowed(seconds: float) -> dict[str, float]:
    return {"seconds_allowed": seconds, "deadline": time.monotonic() + seconds}


def test_the_work_is_cancelled_when_the_client_leaves() -> None:
    work = LongWork()

    async def scenario() -> None:
        with pytest.raises(ClientLeft):
            await while_connected(connection("http.request", "http.disconnect"), work.run())
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert work.cancelled


def test_the_work_is_cancelled_when_its_time_is_over() -> None:
    work = LongWork()

    async def scenario() -> None:
        with pytest.raises(DeadlinePassed, match=r"within 0.05 seconds.*Moggy-Deadline") as late:
            await while_connected(connection("http.request", seconds=0.05), work.run())
        assert (late.value.status, late.value.retry_after) == (503, 1)
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert work.cancelled


def test_two_waits_of_one_request_share_its_deadline() -> None:
    async def scenario() -> None:
        request = connection("http.request", seconds=0.3)
        await while_connected(request, asyncio.sleep(0.2))
        with pytest.raises(DeadlinePassed):
            await while_connected(request, asyncio.sleep(0.2))

    asyncio.run(scenario())


def test_the_work_of_a_client_that_stays_is_answered() -> None:
    async def work() -> int:
        await asyncio.sleep(0.01)
        return 7

    assert asyncio.run(while_connected(connection("http.request"), work())) == 7


def test_an_error_while_receiving_is_raised_and_not_taken_for_a_disconnect() -> None:
    async def receive() -> dict[str, Any]:
        raise HTTPException(413, "too large")

    scope = {"type": "http", "headers": [], "state": allowed(60)}
    with pytest.raises(HTTPException, match="too large"):
        asyncio.run(while_connected(Request(scope, receive), asyncio.sleep(60)))


def test_an_error_in_the_work_is_raised_as_it_is() -> None:
    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(while_connected(connection(), work()))


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon", "61"])
def test_an_invalid_deadline_is_refused(client: TestClient, seconds: str) -> None:
    url = "/v1/models/cats/images/1.png"
    answer = client.get(url, headers={"Moggy-Deadline": seconds})
    assert answer.status_code == 422
    assert "Moggy-Deadline" in answer.json()["field"]
