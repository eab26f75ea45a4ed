"""Events for many open streams: one task of the process reads what is new and hands it out."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.domain import events
from app.domain.database import Database, is_unavailable
from app.domain.events import EventListener
from app.domain.tables import Event

log = structlog.get_logger()

LAST_EVENT = "end"  # of every job
PACE_SECONDS = 0.02  # between two reads of new events
LOST_NEWS_SECONDS = 2.0  # how late an event comes whose wake-up call was lost
MOST_UNREAD = 1000  # events that wait for a slow stream; beyond it, it reads the database again
JOBS_AT_ONCE = 100  # whose events one query reads
PAST_THREADS = 4  # which read what happened before a stream was opened


class Follower:
    """An open stream of one job, and the events that it has not read yet."""

    def __init__(self, start: int) -> None:
        self.start = start  # every event after this id is handed to it
        self.lost = False  # too many waited, and were dropped
        self._unread: deque[Event] = deque()
        self._news = asyncio.Event()

    def hand(self, event: Event) -> None:
        if len(self._unread) == MOST_UNREAD:
            self.lost = True
            self._unread.clear()
        if not self.lost:
            self._unread.append(event)
        self._news.set()

    async def read(self) -> list[Event]:
        """The unread events, at least one unless they were lost."""
        await self._news.wait()
        self._news.clear()
        unread = list(self._unread)
        self._unread.clear()
        return unread


class EventFeeds:
    """Hands the events of each followed job to all of its streams, in order, each once.

    Ids rise in the order of commits within one job only, so each job has a position of its own.
    """

    def __init__(self, database: Database, redis_url: str | None) -> None:
        self._database = database
        self._listener = EventListener(redis_url, self._hear)
        self._positions: dict[str, int] = {}  # of each followed job: the last id handed out
        self._followers: defaultdict[str, set[Follower]] = defaultdict(set)
        self._named: set[str] = set()  # jobs that have news
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # Of their own: the threads that all others share may be taken for seconds.
        self._reader = ThreadPoolExecutor(1, "new events")
        self._past = ThreadPoolExecutor(PAST_THREADS, "past events")

    def start(self) -> None:
        self._listener.start()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        await self._listener.close()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for threads in (self._reader, self._past):
            threads.shutdown(wait=False, cancel_futures=True)

    async def stream(self, job_id: str, after: int) -> AsyncGenerator[Event]:
        """Every event of the job with an id greater than `after`, in order, until its last."""
        while True:
            async for event in self._stored(job_id, after):
                yield event
                after = event.id
                if event.type == LAST_EVENT:
                    return
            with self._following(job_id, after) as follower:
                if follower.start > after:  # what was handed out before this stream came
                    async for event in self._stored(job_id, after):
                        yield event
                        after = event.id
                        if event.type == LAST_EVENT:
                            return
                while not follower.lost:
                    for event in await follower.read():
                        if event.id <= after:
                            continue
                        yield event
                        after = event.id
                        if event.type == LAST_EVENT:
                            return

    async def _stored(self, job_id: str, after: int) -> AsyncGenerator[Event]:
        """The events that the database has now; it is waited for while it is away."""
        while True:
            try:
                loop = asyncio.get_running_loop()
                page = await loop.run_in_executor(self._past, self._read_after, job_id, after)
            except SQLAlchemyError as error:
                if not is_unavailable(error):
                    raise
                await asyncio.sleep(LOST_NEWS_SECONDS)
                continue
            for event in page:
                yield event
                after = event.id
            if not page:
                return

    def _read_after(self, job_id: str, after: int) -> list[Event]:
        with self._database.read() as session:
            return events.read_after(session, job_id, after)

    @contextmanager
    def _following(self, job_id: str, after: int) -> Iterator[Follower]:
        follower = Follower(self._positions.setdefault(job_id, after))
        self._followers[job_id].add(follower)
        self._hear(job_id)  # of what was committed since the stream read the database
        try:
            yield follower
        finally:
            self._followers[job_id].discard(follower)
            if not self._followers[job_id]:
                del self._followers[job_id], self._positions[job_id]

    def _hear(self, job_id: str | None) -> None:
        """There is news of a job; of any, where it is None."""
        self._named.update(self._positions if job_id is None else (job_id,))
        self._news.set()

    async def _run(self) -> None:
        look_at_all = time.monotonic()  # when to, as the call that wakes may have been lost
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0, look_at_all - time.monotonic())):
                    await self._news.wait()
            self._news.clear()
            named, self._named = self._named, set()
            if time.monotonic() >= look_at_all:
                named = set(self._positions)
                look_at_all = time.monotonic() + LOST_NEWS_SECONDS
            followed = list(named)
            try:
                for first in range(0, len(followed), JOBS_AT_ONCE):
                    await self._hand_out(followed[first : first + JOBS_AT_ONCE])
            except Exception as error:  # noqa: BLE001  # nothing is lost: the next read has it
                log.warning("events_unread", error=str(error))
            await asyncio.sleep(PACE_SECONDS)

    async def _hand_out(self, followed: Iterable[str]) -> None:
        """Read what is new of these jobs until nothing is left, and hand it to their streams."""
        more = True
        while more:
            read_from = {job: self._positions[job] for job in followed if job in self._positions}
            if not read_from:
                return
            loop = asyncio.get_running_loop()
            found, more = await loop.run_in_executor(self._reader, self._read_new, read_from)
            for job, new in found.items():
                # While this was read, the last stream may have left and another have come.
                if self._positions.get(job) == read_from[job]:
                    self._positions[job] = new[-1].id
                    for follower in self._followers[job]:
                        for event in new:
                            follower.hand(event)

    def _read_new(self, after: Mapping[str, int]) -> tuple[dict[str, list[Event]], bool]:
        with self._database.read() as session:
            return events.read_new(session, after)
