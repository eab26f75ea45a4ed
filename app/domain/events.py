"""Events of jobs: rows with increasing ids, and a Redis channel that only wakes their readers."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import redis
import redis.asyncio
import structlog
from redis.asyncio.client import PubSub
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import and_, delete, func, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.tables import Event

log = structlog.get_logger()

CHANNEL = "moggy:events"
CONNECT_SECONDS = 5.0
RECONNECT_SECONDS = 2.0
PING_AFTER_SECONDS = 10.0  # without a message; the answer to the ping may take as long
CANCEL_RETRY_SECONDS = 0.1
RECENT_PROGRESS_ROWS = 1000  # the newest rows are kept; older ones are thinned repeatedly


def append(
    session: Session, job_id: str, event_type: str, data: dict[str, Any], once: str | None = None
) -> bool:
    """Append an event. Returns False if the job has an event with the same `once` already.

    The caller's transaction must have written the job's row first: that lock makes the ids of one
    job's events increase in the order of their commits.
    """
    row = {"job": job_id, "type": event_type, "once": once, "data": data}
    if once is None:
        session.execute(insert(Event).values(row))
        return True
    try:
        with session.begin_nested():
            session.execute(insert(Event).values(row))
    except IntegrityError:
        return False
    return True


def read_after(session: Session, job_id: str, after: int, limit: int = 500) -> list[Event]:
    """Return the job's events with an id greater than `after`, in order."""
    query = select(Event).where(Event.job == job_id, Event.id > after)
    return list(session.scalars(query.order_by(Event.id).limit(limit)))


def newest_ids(session: Session, job_ids: Sequence[str]) -> dict[str, int]:
    """Map each job's id to the id of its last event, 0 without events."""
    query = select(Event.job, func.max(Event.id)).where(Event.job.in_(job_ids)).group_by(Event.job)
    newest = dict.fromkeys(job_ids, 0)
    for job_id, event_id in session.execute(query):
        newest[job_id] = event_id
    return newest


def read_new(
    session: Session, after: Mapping[str, int], limit: int = 500
) -> tuple[dict[str, list[Event]], bool]:
    """Return each job's events with an id greater than its id in `after`, in order, and whether
    there may be more."""
    newer = [and_(Event.job == job, Event.id > last) for job, last in after.items()]
    query = select(Event).where(or_(*newer)).order_by(Event.id).limit(limit)
    events_by_job: defaultdict[str, list[Event]] = defaultdict(list)
    rows = list(session.scalars(query))
    for row in rows:
        events_by_job[row.job].append(row)
    return dict(events_by_job), len(rows) == limit


def newest_state(session: Session, job_id: str) -> str | None:
    """Return the status in the job's newest event of type state."""
    query = select(Event.data).where(Event.job == job_id, Event.type == "state")
    data = session.scalar(query.order_by(Event.id.desc()).limit(1))
    return None if data is None else str(data["status"])


def of_type(session: Session, job_id: str, event_type: str) -> list[Event]:
    """Return the job's events of one type, in order."""
    query = select(Event).where(Event.job == job_id, Event.type == event_type)
    return list(session.scalars(query.order_by(Event.id)))


def without_repeats(rows: Iterable[Event]) -> list[Event]:
    """Leave out the events that a resume from an older training state, or a rollback, repeated."""
    kept: list[Event] = []
    for row in rows:
        images_seen = row.data.get("images_seen", math.inf)  # absent in an ingest: never repeated
        while kept and kept[-1].data.get("images_seen", 0) >= images_seen:
            kept.pop()
        kept.append(row)
    return kept


def health_by_job(session: Session, job_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Map each job's id to the data of its health events, in order, with one query."""
    query = select(Event.job, Event.data).where(Event.job.in_(job_ids), Event.type == "health")
    health: dict[str, list[dict[str, Any]]] = {job_id: [] for job_id in job_ids}
    for job_id, data in session.execute(query.order_by(Event.id)):
        health[job_id].append(data)
    return health


def thin_progress(session: Session, job_id: str) -> None:
    """Delete every other older progress row, if there are over 2 * RECENT_PROGRESS_ROWS rows."""
    rows = (
        select(
            Event.id,
            func.row_number().over(order_by=Event.id).label("position"),
            func.count().over().label("total"),
        )
        .where(Event.job == job_id, Event.type == "progress")
        .subquery()
    )
    old = rows.c.position <= rows.c.total - RECENT_PROGRESS_ROWS
    many = rows.c.total > 2 * RECENT_PROGRESS_ROWS
    thinned = select(rows.c.id).where(many, old, rows.c.position % 2 == 0)
    session.execute(delete(Event).where(Event.id.in_(thinned)))


class Notifier:
    """Publishes on the channel that a job has new events. A lost message only delays a reader."""

    def __init__(self, redis_url: str | None) -> None:
        self._client = (
            redis.Redis.from_url(
                redis_url,
                socket_connect_timeout=2,
                socket_timeout=2,
                retry=Retry(NoBackoff(), 1),  # over a new connection: Valkey may have restarted
            )
            if redis_url
            else None
        )

    def notify(self, job_ids: Iterable[str]) -> None:
        if self._client is None:
            return
        try:
            for job_id in job_ids:
                self._client.publish(CHANNEL, job_id)
        except redis.RedisError as error:
            log.warning("notify_failed", error=str(error))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


class EventListener:
    """One subscription per process. It passes the id of a job with new events to `on_new_events`.

    It passes None, which stands for every job, when messages may have been lost: at the start and
    after each reconnection.
    """

    def __init__(self, redis_url: str | None, on_new_events: Callable[[str | None], None]) -> None:
        self._redis_url = redis_url
        self._on_new_events = on_new_events
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._redis_url is not None:
            self._task = asyncio.create_task(self._listen(self._redis_url))

    async def close(self) -> None:
        """Cancel repeatedly: redis-py discards a cancellation that arrives while it connects."""
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=CANCEL_RETRY_SECONDS)

    async def _listen(self, url: str) -> None:
        while True:
            client = redis.asyncio.Redis.from_url(
                url, decode_responses=True, socket_connect_timeout=CONNECT_SECONDS
            )
            try:
                async with client.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    await self._receive(channel)
            except (redis.RedisError, OSError) as error:
                log.warning("event_subscription_failed", error=str(error))
                await asyncio.sleep(RECONNECT_SECONDS)
            finally:
                await client.aclose()

    async def _receive(self, channel: PubSub) -> None:
        """Raises redis.ConnectionError if the server stops answering pings."""
        pinged = False
        while True:
            message = await channel.get_message(timeout=PING_AFTER_SECONDS)
            if message is None:
                if pinged:
                    raise redis.ConnectionError(
                        f"no answer to a ping in {PING_AFTER_SECONDS} seconds"
                    )
                await channel.ping()
            elif message["type"] == "message":
                self._on_new_events(message["data"])
            elif message["type"] == "subscribe":
                self._on_new_events(None)
            pinged = message is None
