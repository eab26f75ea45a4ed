"""Events: rows in order and once; a channel that may be lost and may come back."""

import asyncio
from pathlib import Path

import pytest
import redis
from queued_jobs import claim_job, queue_job, state_events
from servers import valkey
from sqlalchemy import select

from app.domain import events, leases
from app.domain.database import Database
from app.domain.events import EventListener, Notifier
from app.domain.job_states import Status
from app.domain.tables import Event


async def hears(heard: list[str | None], job: str, notifier: Notifier) -> bool:
    """Whether the job is heard of soon, if it is told of again and again."""
    for _ in range(200):
        notifier.notify([job])
        if job in heard:
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.anyio
async def test_a_listener_hears_of_jobs_and_once_of_all_at_its_start(valkey_url: str) -> None:
    heard: list[str | None] = []
    notifier, listener = Notifier(valkey_url), EventListener(valkey_url, heard.append)
    listener.start()
    try:
        assert await hears(heard, "mine", notifier)
        assert heard[0] is None
        assert set(heard) == {None, "mine"}
    finally:
        await listener.close()
        notifier.close()


@pytest.mark.anyio
async def test_a_listener_closes_at_whatever_moment_of_its_connecting(valkey_url: str) -> None:
    for turns in range(40):
        listener = EventListener(valkey_url, lambda _: None)
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
    heard: list[str | None] = []
    with valkey(tmp_path) as url:
        listener, notifier = EventListener(url, heard.append), Notifier(url)
        listener.start()
        assert await hears(heard, "before", notifier)
        await asyncio.sleep(0.2)  # until the last call of that is heard
    notifier.notify(["job"])  # nobody there: logged, not raised
    heard.clear()
    with valkey(tmp_path, url):
        assert await hears(heard, "after", notifier)
        assert heard[0] is None  # what was said meanwhile was not heard
        await listener.close()
        notifier.close()


@pytest.mark.anyio
async def test_a_listener_leaves_a_server_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch, valkey_url: str
) -> None:
    monkeypatch.setattr(events, "SILENT_SECONDS", 0.1)
    heard: list[str | None] = []
    listener, notifier = EventListener(valkey_url, heard.append), Notifier(valkey_url)
    listener.start()
    await asyncio.sleep(1)  # ten times as long: the server's pongs keep the connection
    assert heard == [None]
    with redis.Redis.from_url(valkey_url) as server:
        server.client_pause(2000)
        await asyncio.sleep(1)
        server.client_unpause()
    assert await hears(heard, "after", notifier)
    await listener.close()
    notifier.close()


def test_events_of_one_job_happen_once_and_in_order(database: Database) -> None:
    job_id = queue_job(database)
    claim = claim_job(database)
    for seen in (64, 128, 64):
        with database.write() as session:
            leases.record(session, claim, "sample", {"status": seen}, once=f"sample:{seen}")
    with database.write() as session:
        leases.end(session, claim, Status.SUCCEEDED)
    assert state_events(database, job_id) == [
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
    monkeypatch.setattr(events, "RECENT_PROGRESS_ROWS", 10)
    job_id = queue_job(database)
    claim = claim_job(database)
    with database.write() as session:
        for place in range(25):
            leases.record(session, claim, "progress", {"images_seen": place})
        events.thin_progress(session, job_id)
    with database.read() as session:
        kept = [row.data["images_seen"] for row in events.of_type(session, job_id, "progress")]
        others = session.scalars(select(Event).where(Event.type != "progress")).all()
    assert kept == [0, 2, 4, 6, 8, 10, 12, 14, *range(15, 25)]
    assert len(others) == 2
