"""Events: rows in order and once; a listener that reconnects."""

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


async def receives(news: list[str | None], job: str, notifier: Notifier) -> bool:
    """Notify of the job repeatedly, and return whether the listener reports it."""
    for _ in range(200):
        notifier.notify([job])
        if job in news:
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.anyio
async def test_a_listener_reports_jobs_and_none_once_at_its_start(valkey_url: str) -> None:
    news: list[str | None] = []
    notifier, listener = Notifier(valkey_url), EventListener(valkey_url, news.append)
    listener.start()
    try:
        assert await receives(news, "mine", notifier)
        assert news[0] is None
        assert set(news) == {None, "mine"}
    finally:
        await listener.close()
        notifier.close()


@pytest.mark.anyio
async def test_a_listener_can_be_closed_at_any_moment_of_its_connecting(valkey_url: str) -> None:
    for turns in range(40):
        listener = EventListener(valkey_url, lambda _: None)
        listener.start()
        for _ in range(turns):
            await asyncio.sleep(0)
        _, late = await asyncio.wait((asyncio.create_task(listener.close()),), timeout=5)
        assert not late, turns


@pytest.mark.anyio
async def test_a_listener_reconnects_after_its_server_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RECONNECT_SECONDS", 0.05)
    news: list[str | None] = []
    with valkey(tmp_path) as url:
        listener, notifier = EventListener(url, news.append), Notifier(url)
        listener.start()
        assert await receives(news, "before", notifier)
        await asyncio.sleep(0.2)  # until the last message is received
    notifier.notify(["job"])  # without a server: logged, not raised
    news.clear()
    with valkey(tmp_path, url):
        assert await receives(news, "after", notifier)
        assert news[0] is None  # messages may have been lost meanwhile
        await listener.close()
        notifier.close()


@pytest.mark.anyio
async def test_a_listener_reconnects_when_its_server_is_silent(
    monkeypatch: pytest.MonkeyPatch, valkey_url: str
) -> None:
    monkeypatch.setattr(events, "PING_AFTER_SECONDS", 0.1)
    news: list[str | None] = []
    listener, notifier = EventListener(valkey_url, news.append), Notifier(valkey_url)
    listener.start()
    await asyncio.sleep(1)  # ten times as long: the server's pongs keep the connection
    assert news == [None]
    with redis.Redis.from_url(valkey_url) as server:
        server.client_pause(2000)
        await asyncio.sleep(1)
        server.client_unpause()
    assert await receives(news, "after", notifier)
    await listener.close()
    notifier.close()


def test_events_of_one_job_are_appended_once_and_in_order(database: Database) -> None:
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


def test_old_progress_events_are_thinned_and_all_others_stay(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RECENT_PROGRESS_ROWS", 10)
    job_id = queue_job(database)
    claim = claim_job(database)
    with database.write() as session:
        for index in range(25):
            leases.record(session, claim, "progress", {"images_seen": index})
        events.thin_progress(session, job_id)
    with database.read() as session:
        kept = [row.data["images_seen"] for row in events.of_type(session, job_id, "progress")]
        others = session.scalars(select(Event).where(Event.type != "progress")).all()
    assert kept == [0, 2, 4, 6, 8, 10, 12, 14, *range(15, 25)]
    assert len(others) == 2
