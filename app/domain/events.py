"""The event stream of a job: rows with rising ids, and a channel that only wakes the readers."""

import asyncio
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
SILENT_SECONDS = 10.0  # after which a server that says nothing is asked, and then given up
CANCEL_AGAIN_SECONDS = 0.1
PROGRESS_ROWS_KEPT_WHOLE = 1000  # the newest; of the older ones every other goes, again and again


def append(
    session: Session, job_id: str, event_type: str, data: dict[str, Any], once: str | None = None
) -> bool:
    """Add an event. False when `once` names one that this job has had already.

    The caller's transaction must have written the job's row first: that lock is what makes the
    ids of one job rise in the order of their commits.
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
    """The job's events with an id greater than `after`, in order."""
    query = select(Event).where(Event.job == job_id, Event.id > after)
    return list(session.scalars(query.order_by(Event.id).limit(limit)))


def newest_id(session: Session, job_id: str) -> int:
    """The id of the job's last event, 0 where it has none."""
    return session.scalar(select(func.max(Event.id)).where(Event.job == job_id)) or 0


def read_new(
    session: Session, after: Mapping[str, int], limit: int = 500
) -> tuple[dict[str, list[Event]], bool]:
    """By job, the events with an id greater than the job's in `after`, in order; and whether
    there may be more."""
    newer = [and_(Event.job == job, Event.id > last) for job, last in after.items()]
    query = select(Event).where(or_(*newer)).order_by(Event.id).limit(limit)
    found: defaultdict[str, list[Event]] = defaultdict(list)
    rows = list(session.scalars(query))
    for row in rows:
        found[row.job].append(row)
    return dict(found), len(rows) == limit


def newest_state(session: Session, job_id: str) -> str | None:
    """The status that the job's newest event of type state tells."""
    query = select(Event.data).where(Event.job == job_id, Event.type == "state")
    data = session.scalar(query.order_by(Event.id.desc()).limit(1))
    return None if data is None else str(data["status"])


def of_type(session: Session, job_id: str, event_type: str) -> list[Event]:
    """All events of one type, in order."""
    query = select(Event).where(Event.job == job_id, Event.type == event_type)
    return list(session.scalars(query.order_by(Event.id)))


def health_of(session: Session, job_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """What the health events of each job say, in order, by the job's id; one query for all."""
    query = select(Event.job, Event.data).where(Event.job.in_(job_ids), Event.type == "health")
    health: dict[str, list[dict[str, Any]]] = {job_id: [] for job_id in job_ids}
    for job_id, data in session.execute(query.order_by(Event.id)):
        health[job_id].append(data)
    return health


def thin_progress(session: Session, job_id: str) -> None:
    """Halve the density of old progress rows once there are twice as many as are kept whole."""
    rows = (
        select(
            Event.id,
            func.row_number().over(order_by=Event.id).label("place"),
            func.count().over().label("total"),
        )
        .where(Event.job == job_id, Event.type == "progress")
        .subquery()
    )
    old = rows.c.place <= rows.c.total - PROGRESS_ROWS_KEPT_WHOLE
    many = rows.c.total > 2 * PROGRESS_ROWS_KEPT_WHOLE
    doomed = select(rows.c.id).where(many, old, rows.c.place % 2 == 0)
    session.execute(delete(Event).where(Event.id.in_(doomed)))


class Notifier:
    """Says on the channel that a job has new events. Losing a call delays a reader, no more."""

    def __init__(self, redis_url: str | None) -> None:
        self._client = (
            redis.Redis.from_url(
                redis_url,
                socket_connect_timeout=2,
                socket_timeout=2,
                retry=Retry(
                    NoBackoff(), 1
                ),  # once, over a new connection: Valkey may have restarted
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
    """One subscription per process, which tells `heard` of the jobs that have new events.

    It is told None, for any job, after a time in which nothing could be heard.
    """

    def __init__(self, redis_url: str | None, heard: Callable[[str | None], None]) -> None:
        self._redis_url = redis_url
        self._heard = heard
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._redis_url is not None:
            self._task = asyncio.create_task(self._listen(self._redis_url))

    async def close(self) -> None:
        """Ends also where a cancellation is lost: redis-py drops one that meets it connecting."""
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=CANCEL_AGAIN_SECONDS)

    async def _listen(self, url: str) -> None:
        while True:
            client = redis.asyncio.Redis.from_url(
                url, decode_responses=True, socket_connect_timeout=CONNECT_SECONDS
            )
            try:
                async with client.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    await self._hear_all(channel)
            except (redis.RedisError, OSError) as error:
                log.warning("events_unheard", error=str(error))
                await asyncio.sleep(RECONNECT_SECONDS)
            finally:
                await client.aclose()

    async def _hear_all(self, channel: PubSub) -> None:
        """Raises redis.ConnectionError where the server does not answer a ping any more."""
        asked = False
        while True:
            message = await channel.get_message(timeout=SILENT_SECONDS)
            if message is None:
                if asked:
                    raise redis.ConnectionError(f"silent for {SILENT_SECONDS} seconds")
                await channel.ping()
            elif message["type"] == "message":
                self._heard(message["data"])
            elif message["type"] == "subscribe":
                self._heard(None)
            asked = message is None
