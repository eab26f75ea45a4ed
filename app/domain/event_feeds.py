"""Events for many open streams: one task of the process reads new events for all of them."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager, suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.domain import events
from app.domain.database import Database, is_unavailable
from app.domain.events import EventListener
from app.domain.tables import Event

log = structlog.get_logger()

LAST_EVENT = "end"  # of every job
READ_INTERVAL_SECONDS = 0.02  # between two reads of new events
LOST_WAKE_UP_SECONDS = 2.0  # the delay of an event whose wake-up message was lost
MAX_UNREAD_EVENTS = 1000  # per stream; a slower stream reads the database again
MAX_PAGE_EVENTS = 500  # of one job, read by one query
MIN_UNREAD_EVENTS = 40  # per job of a stream of many jobs, which share the limit of a stream
JOBS_PER_QUERY = 100
PAST_THREADS = 4  # threads that read the events from before a stream was opened


class Follower:
    """An open stream of one job, and the events that it has not sent yet."""

    def __init__(self, start: int, max_unread: int) -> None:
        self.start = start  # every event after this id is handed to the stream
        self._max_unread = max_unread
        self.lost = False  # events were dropped, because too many were unread
        self._unread: deque[Event] = deque()
        self._wake_up = asyncio.Event()

    def hand(self, event: Event) -> None:
        if len(self._unread) == self._max_unread:
            self.lost = True
            self._unread.clear()
        if not self.lost:
            self._unread.append(event)
        self._wake_up.set()

    def wake(self) -> None:
        self._wake_up.set()

    async def read(self) -> list[Event]:
        """Wait for unread events and return them. The result is empty only if events were lost, or
        the stream has to end."""
        await self._wake_up.wait()
        self._wake_up.clear()
        unread = list(self._unread)
        self._unread.clear()
        return unread


class EventFeeds:
    """Hands the events of each followed job to all of its streams, in order, each once.

    Ids increase in the order of commits only within one job, so each job has its own position.
    """

    def __init__(self, database: Database, redis_url: str | None) -> None:
        self._database = database
        self._listener = EventListener(redis_url, self._wake)
        self._positions: dict[str, int] = {}  # followed job -> last id handed out
        self._followers: defaultdict[str, set[Follower]] = defaultdict(set)
        self._jobs_to_read: set[str] = set()
        self._wake_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        # Separate pools: the default pool may be busy with other work for seconds.
        self._reader = ThreadPoolExecutor(1, "new events")
        self._past = ThreadPoolExecutor(PAST_THREADS, "past events")

    def start(self) -> None:
        self._listener.start()
        self._task = asyncio.create_task(self._run())

    def end_streams(self) -> None:
        """End every stream after what it has read, because the process is about to stop. Clients
        continue after the last event that they received."""
        self._stopping = True
        for followers in self._followers.values():
            for follower in followers:
                follower.wake()

    async def close(self) -> None:
        await self._listener.close()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for threads in (self._reader, self._past):
            threads.shutdown(wait=False, cancel_futures=True)

    async def stream(
        self, job_id: str, after: int, max_unread: int = MAX_UNREAD_EVENTS
    ) -> AsyncGenerator[Event]:
        """Yield the job's events with an id greater than `after`, in order, up to its last one, or
        until `end_streams`.

        At most about `max_unread` of them are in memory while the stream waits for its client.
        """
        page = min(max_unread, MAX_PAGE_EVENTS)
        while not self._stopping:
            async for event in self._stored(job_id, after, page):
                yield event
                after = event.id
                if event.type == LAST_EVENT:
                    return
            with self._following(job_id, after, max_unread) as follower:
                if follower.start > after:  # events were handed out before this stream was added
                    async for event in self._stored(job_id, after, page):
                        yield event
                        after = event.id
                        if event.type == LAST_EVENT:
                            return
                while not (follower.lost or self._stopping):
                    for event in await follower.read():
                        if event.id <= after:
                            continue
                        yield event
                        after = event.id
                        if event.type == LAST_EVENT:
                            return

    async def stream_many(self, after: Mapping[str, int]) -> AsyncGenerator[Event]:
        """Yield the events of several jobs after the id of each, each job's in order, until all
        have ended, or until `end_streams`."""
        max_unread = max(MIN_UNREAD_EVENTS, MAX_UNREAD_EVENTS // len(after))
        merged: asyncio.Queue[Event | BaseException | None] = asyncio.Queue(max_unread)

        async def pass_on(job_id: str, start: int) -> None:
            try:
                async with aclosing(self.stream(job_id, start, max_unread)) as stream:
                    async for event in stream:
                        await merged.put(event)
                await merged.put(None)
            except Exception as error:  # noqa: BLE001  # raised where the events are read
                await merged.put(error)

        tasks = [asyncio.create_task(pass_on(*position)) for position in after.items()]
        try:
            running = len(tasks)
            while running:
                event = await merged.get()
                if isinstance(event, BaseException):
                    raise event
                if event is None:
                    running -= 1
                else:
                    yield event
        finally:
            # Not awaited: garbage collection may close this stream and the one that reads it side
            # by side, and a stream that waits in its end cannot be closed again.
            for task in tasks:
                task.cancel()

    async def _stored(self, job_id: str, after: int, limit: int) -> AsyncGenerator[Event]:
        """Yield the events that are stored now. Waits while the database is unavailable."""
        while True:
            try:
                loop = asyncio.get_running_loop()
                page = await loop.run_in_executor(
                    self._past, self._read_after, job_id, after, limit
                )
            except SQLAlchemyError as error:
                if not is_unavailable(error):
                    raise
                await asyncio.sleep(LOST_WAKE_UP_SECONDS)
                continue
            for event in page:
                yield event
                after = event.id
            if not page:
                return

    def _read_after(self, job_id: str, after: int, limit: int) -> list[Event]:
        with self._database.read() as session:
            return events.read_after(session, job_id, after, limit)

    @contextmanager
    def _following(self, job_id: str, after: int, max_unread: int) -> Iterator[Follower]:
        follower = Follower(self._positions.setdefault(job_id, after), max_unread)
        self._followers[job_id].add(follower)
        self._wake(job_id)  # events may have been committed since the stream read the database
        try:
            yield follower
        finally:
            self._followers[job_id].discard(follower)
            if not self._followers[job_id]:
                del self._followers[job_id], self._positions[job_id]

    def _wake(self, job_id: str | None) -> None:
        """Read the new events of a job soon; of every followed job if it is None."""
        self._jobs_to_read.update(self._positions if job_id is None else (job_id,))
        self._wake_up.set()

    async def _run(self) -> None:
        read_all_at = time.monotonic()  # all jobs are read at intervals: a wake-up may be lost
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0, read_all_at - time.monotonic())):
                    await self._wake_up.wait()
            self._wake_up.clear()
            jobs, self._jobs_to_read = self._jobs_to_read, set()
            if time.monotonic() >= read_all_at:
                jobs = set(self._positions)
                read_all_at = time.monotonic() + LOST_WAKE_UP_SECONDS
            job_ids = list(jobs)
            try:
                for first in range(0, len(job_ids), JOBS_PER_QUERY):
                    await self._hand_out(job_ids[first : first + JOBS_PER_QUERY])
            except Exception as error:  # noqa: BLE001  # no event is lost: the next read returns it
                log.warning("events_not_read", error=str(error))
            await asyncio.sleep(READ_INTERVAL_SECONDS)

    async def _hand_out(self, job_ids: Iterable[str]) -> None:
        """Read the new events of these jobs until none is left, and hand them to their streams."""
        more = True
        while more:
            read_from = {job: self._positions[job] for job in job_ids if job in self._positions}
            if not read_from:
                return
            loop = asyncio.get_running_loop()
            new_events, more = await loop.run_in_executor(self._reader, self._read_new, read_from)
            for job, new in new_events.items():
                # Meanwhile the last stream may have closed, and another one opened.
                if self._positions.get(job) == read_from[job]:
                    self._positions[job] = new[-1].id
                    for follower in self._followers[job]:
                        for event in new:
                            follower.hand(event)

    def _read_new(self, after: Mapping[str, int]) -> tuple[dict[str, list[Event]], bool]:
        with self._database.read() as session:
            return events.read_new(session, after)
