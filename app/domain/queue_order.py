"""The order of a queue: the places of its jobs, and the lock under which they are exchanged.

At first the place of a job is its number. A move exchanges the places of the jobs between the old
position and the new one, so that no two jobs ever have the same place, and a job that is queued
later is always the last. A job keeps its place while it runs or is paused.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, and_, func, select, text, update
from sqlalchemy.orm import Session

from app.domain.job_states import Status
from app.domain.queue import Queue
from app.domain.tables import Job

PLACE = func.coalesce(Job.place, Job.number)
LOCK_CLASS = 5066972  # the first of the two numbers of a queue's advisory lock in PostgreSQL
# A process or a machine that dies inside a move is disconnected by the server after IDLE_SECONDS.
IDLE_SECONDS, LOCK_SECONDS = 10, 5


def hold_order(session: Session, queue: str) -> None:
    """Keep the queue's order as it is until the transaction ends. Jobs may still leave it.

    Call this before a query that chooses by the order: a statement sees what was committed before
    it began. On SQLite, a write transaction excludes all others.
    """
    if _is_postgresql(session):
        session.execute(select(func.pg_advisory_xact_lock_shared(*_lock_of(queue))))


def lock_order(session: Session, queue: str) -> None:
    """Let no other transaction hold or change the queue's order until this one ends."""
    if _is_postgresql(session):
        session.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        session.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'"))
        session.execute(select(func.pg_advisory_xact_lock(*_lock_of(queue))))


def put_at(session: Session, job: Job, position: int) -> bool:
    """Move a queued job to a position of its queue, or to its end if it is shorter; return whether
    that changed anything. The caller has locked the order and the job."""
    query = select(Job.number, PLACE).where(_is_queued_in([job.queue])).order_by(PLACE)
    rows = session.execute(query).all()
    numbers, places = [row[0] for row in rows], [row[1] for row in rows]
    reordered = [number for number in numbers if number != job.number]
    reordered.insert(min(position - 1, len(reordered)), job.number)
    changes = [
        {"number": number, "place": place}
        for number, before, place in zip(reordered, numbers, places, strict=True)
        if number != before
    ]
    if changes:
        session.execute(update(Job), changes)
    return bool(changes)


def positions(session: Session, jobs: Sequence[Job]) -> dict[str, int]:
    """Map the id of each queued job to its position in its queue; the next to run has 1."""
    queued = [job for job in jobs if job.status == Status.QUEUED]
    if not queued:
        return {}
    position = func.row_number().over(partition_by=Job.queue, order_by=PLACE)
    numbered = (
        select(Job.id, position.label("position"))
        .where(_is_queued_in({job.queue for job in queued}))
        .subquery()
    )
    query = select(numbered.c.id, numbered.c.position)
    query = query.where(numbered.c.id.in_([job.id for job in queued]))
    return {row.id: row.position for row in session.execute(query)}


def _is_queued_in(queues: Collection[str]) -> ColumnElement[bool]:
    return and_(Job.queue.in_(queues), Job.status == Status.QUEUED)


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def _lock_of(queue: str) -> tuple[int, int]:
    return LOCK_CLASS, [*Queue].index(Queue(queue))
