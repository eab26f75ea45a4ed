"""Events: rows in order and once; a channel that may be lost and may come back."""

import asyncio
from pathlib import Path

import pytest
from queued_jobs import held, queue_job, stream
from services import valkey
from sqlalchemy import select

from app.domain import events, leases
from app.domain.database import Database
from app.domain.events import EventListener, Notifier
from app.domain.job_states import Status
from app.domain.tables import Event


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
async def test_a_listener_closes_at_whatever_moment_of_its_connecting(valkey_url: str) -> None:
    for turns in range(40):
        listener = EventListener(valkey_url)
        listener.start()
        for _ in range(turns):
            await asyncio.sleep(0)
        _, late = await asyncio.wait((asyncio.create_task(listener.close()),), timeout=5)
        assert not late, turns


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
    notifier.notify(["job"])  # no server: logged, not raised
    assert not await woken_within(listener, woken, 0.3)
    with valkey(tmp_path, url):
        for _ in range(100):  # until the listener has connected again
            notifier.notify(["job"])
            if await woken_within(listener, woken, 0.05):
                break
        else:
            pytest.fail("never woken by the new server")
        await listener.close()
    notifier.close()


def test_events_of_one_job_happen_once_and_in_order(database: Database) -> None:
    job_id = queue_job(database)
    claim = held(database)
    for seen in (64, 128, 64):
        with database.write() as session:
            leases.record(session, claim, "sample", {"status": seen}, once=f"sample:{seen}")
    with database.write() as session:
        leases.end(session, claim, Status.SUCCEEDED)
    assert stream(database, job_id) == [
        ("state", "queued"),
        ("state", "running"),
        ("sample", 64),
        ("sample", 128),
        ("state", "succeeded"),
        ("end", "succeeded"),
    ]


def test_old_progress_is_thinned_and_everything_else_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PROGRESS_ROWS_KEPT_WHOLE", 10)
    job_id = queue_job(database)
    claim = held(database)
    with database.write() as session:
        for place in range(25):
            leases.record(session, claim, "progress", {"images_seen": place})
        events.thin_progress(session, job_id)
    with database.read() as session:
        kept = [row.data["images_seen"] for row in events.of_type(session, job_id, "progress")]
        others = session.scalars(select(Event).where(Event.type != "progress")).all()
    assert kept == [0, 2, 4, 6, 8, 10, 12, 14, *range(15, 25)]
    assert len(others) == 2
