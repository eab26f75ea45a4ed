"""Each of many streams gets every event once and in order, with few queries."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from queued_jobs import claim_job, queue_job
from sqlalchemy import event as sqlalchemy_event

from app.domain import event_feeds, events, leases
from app.domain.database import Database
from app.domain.event_feeds import MAX_UNREAD_EVENTS, EventFeeds
from app.domain.events import Notifier
from app.domain.job_states import Status
from app.domain.tables import Event

STREAMS = 200


@pytest.fixture
async def feeds(database: Database, valkey_url: str) -> AsyncIterator[EventFeeds]:
    feeds = EventFeeds(database, valkey_url)
    feeds.start()
    yield feeds
    await feeds.close()


async def ids(
    feeds: EventFeeds, job: str, after: int = 0, pause: float = 0.0, max_unread: int = 1000
) -> list[int]:
    event_ids = []
    async for event in feeds.stream(job, after, max_unread):
        event_ids.append(event.id)
        await asyncio.sleep(pause)
    return event_ids


def stored(database: Database, job: str) -> list[int]:
    with database.read() as session:
        return [row.id for row in events.read_after(session, job, 0, 10_000)]


def work_on(database: Database, valkey_url: str, count: int, pause: float = 0.0) -> None:
    """Acquire the oldest job, append `count` events, and end it, as a worker does."""
    claim, notifier = claim_job(database), Notifier(valkey_url)
    for seen in range(count):
        with database.write() as session:
            leases.record(session, claim, "progress", {"images_seen": seen})
        notifier.notify([claim.job_id])
        time.sleep(pause)
    with database.write() as session:
        leases.end(session, claim, Status.SUCCEEDED)
    notifier.notify([claim.job_id])
    notifier.close()


@pytest.mark.anyio
async def test_streams_opened_at_any_moment_get_every_event_once_with_few_queries(
    database: Database, valkey_url: str, feeds: EventFeeds
) -> None:
    queries: Counter[str] = Counter()  # by the name of the thread that sends them

    def count(*_: object) -> None:
        queries[threading.current_thread().name.partition("_")[0]] += 1

    job = queue_job(database)
    worker = threading.Thread(target=work_on, args=(database, valkey_url, 60, 0.02))
    worker.start()
    sqlalchemy_event.listen(database.engine, "before_cursor_execute", count)
    streams = []
    for _ in range(STREAMS):
        streams.append(asyncio.create_task(ids(feeds, job)))
        await asyncio.sleep(0.005)
    received = await asyncio.wait_for(asyncio.gather(*streams), 60)
    worker.join()
    sqlalchemy_event.remove(database.engine, "before_cursor_execute", count)
    expected = stored(database, job)
    assert len(expected) == 64  # queued, running, 60 of progress, succeeded, end
    assert all(event_ids == expected for event_ids in received)
    # New events are read once for all streams: 12,800 queries if each stream read each event.
    assert queries["new events"] < 4 * len(expected)
    # Each stream reads the past in pages: about five queries, more on a busy machine.
    assert queries["past events"] < STREAMS * len(expected) // 3


@pytest.mark.anyio
async def test_a_stream_continues_after_the_event_it_names(
    database: Database, valkey_url: str, feeds: EventFeeds
) -> None:
    job, other = queue_job(database), queue_job(database)
    work_on(database, valkey_url, 5)
    expected = stored(database, job)
    assert await ids(feeds, job, expected[3]) == expected[4:]
    waiting = asyncio.create_task(ids(feeds, other, stored(database, other)[-1]))
    await asyncio.sleep(0.1)
    await asyncio.to_thread(work_on, database, valkey_url, 1)
    assert await asyncio.wait_for(waiting, 30) == stored(database, other)[1:]


@pytest.mark.anyio
async def test_a_slow_stream_buffers_few_events_and_misses_none(
    database: Database, valkey_url: str, feeds: EventFeeds
) -> None:
    job = queue_job(database)
    slow = asyncio.create_task(ids(feeds, job, pause=0.01, max_unread=5))
    quick = asyncio.create_task(ids(feeds, job))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(work_on, database, valkey_url, 50)
    received = await asyncio.wait_for(asyncio.gather(slow, quick), 60)
    assert list(received) == [stored(database, job)] * 2


@pytest.mark.anyio
async def test_a_slow_stream_of_many_jobs_holds_few_of_their_events(
    database: Database, feeds: EventFeeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [queue_job(database) for _ in range(20)]
    with database.write() as session:
        for job in jobs:
            for seen in range(100):
                events.append(session, job, "progress", {"images_seen": seen})
            events.append(session, job, "end", {})
    pages: list[int] = []
    read = feeds._read_after

    def counted(job: str, after: int, limit: int) -> list[Event]:
        page = read(job, after, limit)
        pages.append(len(page))
        return page

    monkeypatch.setattr(feeds, "_read_after", counted)
    received: dict[str, list[int]] = {job: [] for job in jobs}
    async with aclosing(feeds.stream_many(dict.fromkeys(jobs, 0))) as stream:
        first = await anext(stream)
        received[first.job].append(first.id)
        while len(pages) < len(jobs):  # of each job, while the client reads nothing
            await asyncio.sleep(0.01)
        assert sum(pages) <= (len(jobs) + 2) * MAX_UNREAD_EVENTS // len(jobs)
        async for event in stream:
            received[event.job].append(event.id)
    assert received == {job: stored(database, job) for job in jobs}


@pytest.mark.anyio
async def test_without_a_wake_up_events_arrive_a_little_later(
    database: Database, monkeypatch: pytest.MonkeyPatch, valkey_url: str
) -> None:
    monkeypatch.setattr(event_feeds, "LOST_WAKE_UP_SECONDS", 0.2)
    feeds = EventFeeds(database, None)
    feeds.start()
    job = queue_job(database)
    stream = asyncio.create_task(ids(feeds, job))
    await asyncio.sleep(0.5)
    await asyncio.to_thread(work_on, database, valkey_url, 3)
    assert await asyncio.wait_for(stream, 30) == stored(database, job)
    await feeds.close()
    assert not feeds._positions  # nothing remains of ended streams
