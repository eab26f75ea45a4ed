"""Each of many streams gets every event once and in order, with few queries."""

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from threading import Barrier
from typing import Any

import pytest
from queued_jobs import claim_job, queue_job
from sqlalchemy import event as sqlalchemy_event

from app.domain import event_feeds, events, leases
from app.domain.database import Database
from app.domain.event_feeds import MAX_UNREAD_EVENTS, EventFeeds
from app.domain.events import Notifier
from app.domain.job_states import Status
from app.domain.tables import Event

STREAMS = 180
EVENTS = 60


@pytest.fixture
async def feeds(database: Database, valkey_url: str) -> AsyncIterator[EventFeeds]:
    feeds = EventFeeds(database, valkey_url)
    feeds.start()
    yield feeds
    await feeds.close()


async def ids(
    feeds: EventFeeds,
    job: str,
    after: int = 0,
    max_unread: int = 1000,
    pause: asyncio.Event | None = None,
) -> list[int]:
    """The ids of the events of a stream. Its client pauses after the first until `pause` is set."""
    event_ids = []
    async for event in feeds.stream(job, after, max_unread):
        event_ids.append(event.id)
        if pause is not None:
            await pause.wait()
    return event_ids


def stored(database: Database, job: str) -> list[int]:
    with database.read() as session:
        return [row.id for row in events.read_after(session, job, 0, 10_000)]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def work_on(database: Database, valkey_url: str, count: int, turn: Barrier | None = None) -> None:
    """Acquire the oldest job, append `count` events, and end it, as a worker does. With `turn`,
    each event is appended between two waits of its other party."""
    claim, notifier = claim_job(database), Notifier(valkey_url)
    for seen in range(count):
        if turn is not None:
            turn.wait(60)
        with database.write() as session:
            leases.record(session, claim, "progress", {"images_seen": seen})
        notifier.notify([claim.job_id])
        if turn is not None:
            turn.wait(60)
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

    job, turn = queue_job(database), Barrier(2)
    worker = threading.Thread(target=work_on, args=(database, valkey_url, EVENTS, turn))
    worker.start()
    sqlalchemy_event.listen(database.engine, "before_cursor_execute", count)
    streams = []
    for _ in range(EVENTS):
        streams += [asyncio.create_task(ids(feeds, job)) for _ in range(STREAMS // EVENTS)]
        for _ in ("before", "after"):
            await asyncio.to_thread(turn.wait, 60)
    received = await asyncio.wait_for(asyncio.gather(*streams), 60)
    worker.join()
    sqlalchemy_event.remove(database.engine, "before_cursor_execute", count)
    expected = stored(database, job)
    assert len(expected) == EVENTS + 4  # queued, running, succeeded, end
    assert all(event_ids == expected for event_ids in received)
    # New events are read once for all streams: 11,520 queries if each stream read each event.
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
    await until(lambda: feeds._followers[other])
    await asyncio.to_thread(work_on, database, valkey_url, 1)
    assert await asyncio.wait_for(waiting, 30) == stored(database, other)[1:]


@pytest.mark.anyio
async def test_a_slow_stream_buffers_few_events_and_misses_none(
    database: Database, valkey_url: str, feeds: EventFeeds
) -> None:
    job = queue_job(database)
    worked = asyncio.Event()
    slow = asyncio.create_task(ids(feeds, job, max_unread=5, pause=worked))
    quick = asyncio.create_task(ids(feeds, job))
    await until(lambda: feeds._followers[job])
    await asyncio.to_thread(work_on, database, valkey_url, 50)
    worked.set()
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
        # A page of each job, while the client reads nothing.
        await until(lambda: len(pages) >= len(jobs))
        assert sum(pages) <= (len(jobs) + 2) * MAX_UNREAD_EVENTS // len(jobs)
        async for event in stream:
            received[event.job].append(event.id)
    assert received == {job: stored(database, job) for job in jobs}


@pytest.mark.anyio
async def test_a_stream_and_its_reader_are_collected_together_without_an_error(
    database: Database, feeds: EventFeeds
) -> None:
    job = queue_job(database)
    problems: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: problems.append(context))

    async def read(cycle: list[Any]) -> AsyncIterator[Event]:  # as a route does
        async with aclosing(feeds.stream_many({job: 0})) as stream:
            cycle.append(stream)
            async for event in stream:
                yield event

    cycle: list[Any] = []
    reader = read(cycle)
    cycle.append(reader)
    await anext(reader)
    del reader, cycle
    gc.collect()  # closes both, in tasks of their own
    await until(lambda: not feeds._followers[job])
    await asyncio.sleep(0.1)
    gc.collect()
    assert problems == []


@pytest.mark.anyio
async def test_the_streams_of_a_process_that_stops_end_and_their_clients_continue(
    database: Database, feeds: EventFeeds
) -> None:
    first, second = queue_job(database), queue_job(database)

    async def follow_both() -> list[int]:
        async with aclosing(feeds.stream_many({first: 0, second: 0})) as stream:
            return [event.id async for event in stream]

    streams = [asyncio.create_task(ids(feeds, first)), asyncio.create_task(follow_both())]
    await until(lambda: len(feeds._followers[first]) == 2 and feeds._followers[second])
    feeds.end_streams()
    alone, received = await asyncio.wait_for(asyncio.gather(*streams), 30)
    assert alone == stored(database, first)
    assert sorted(received) == sorted(alone + stored(database, second))
    assert await ids(feeds, first) == []  # a request that came just before


@pytest.mark.anyio
async def test_without_a_wake_up_events_arrive_a_little_later(
    database: Database, monkeypatch: pytest.MonkeyPatch, valkey_url: str
) -> None:
    monkeypatch.setattr(event_feeds, "LOST_WAKE_UP_SECONDS", 0.2)
    feeds = EventFeeds(database, None)
    feeds.start()
    job = queue_job(database)
    stream = asyncio.create_task(ids(feeds, job))
    await until(lambda: feeds._followers[job])
    await asyncio.to_thread(work_on, database, valkey_url, 3)
    assert await asyncio.wait_for(stream, 30) == stored(database, job)
    await feeds.close()
    assert not feeds._positions  # nothing remains of ended streams
