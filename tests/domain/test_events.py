"""The channel that wakes the readers: it may be lost, and it may come back."""

import asyncio
from pathlib import Path

import pytest
from services import valkey

from app.domain import events
from app.domain.events import EventListener, Notifier


async def woken_within(listener: EventListener, woken: asyncio.Event, seconds: float) -> bool:
    started = asyncio.get_running_loop().time()
    await listener.wait(woken, seconds)
    return asyncio.get_running_loop().time() - started < seconds


@pytest.mark.anyio
async def test_a_listener_is_woken_by_its_own_job_alone(valkey_url: str) -> None:
    notifier, listener = Notifier(valkey_url), EventListener(valkey_url)
    listener.start()
    mine, other = listener.subscribe("mine"), listener.subscribe("other")
    try:
        for _ in range(100):  # until the subscription stands
            notifier.notify(["mine"])
            if await woken_within(listener, mine, 0.05):
                break
        else:
            pytest.fail("never woken")
        assert not other.is_set()
    finally:
        listener.unsubscribe("mine", mine)
        listener.unsubscribe("other", other)
        await listener.close()
        notifier.close()


@pytest.mark.anyio
async def test_a_listener_outlives_its_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RECONNECT_SECONDS", 0.05)
    with valkey(tmp_path) as url:
        listener = EventListener(url)
        listener.start()
        woken = listener.subscribe("job")
        await asyncio.sleep(0.2)
    notifier = Notifier(url)
    notifier.notify(["job"])  # nobody there: logged, not raised
    assert not await woken_within(listener, woken, 0.3)
    await listener.close()
    notifier.close()
