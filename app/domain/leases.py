"""Leases: which worker holds a job, until when, and the writes that only the holder may make.

The database owns a job. A worker holds it by a lease and an epoch. Each acquisition raises the
epoch, and every later write of the holder names its epoch. A worker whose lease ran out while
it was unreachable can therefore change nothing: it is *fenced*.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session

from app.domain import events
from app.domain.database import now
from app.domain.job_states import Status, Stop, apply_stop, fits_disk, queue_again, save
from app.domain.queue_order import PLACE, hold_order
from app.domain.tables import Job

WORKER_LOST = (
    "its worker stopped renewing the lease: the worker was killed, its machine went down, or its "
    "connection to the database broke"
)
WORKER_SHUT_DOWN = "its worker was shut down and released it"


class Fenced(Exception):
    """This worker no longer holds the job: its lease ran out, and another worker may have it."""


@dataclass(frozen=True)
class Claim:
    """The right to work on a job, until its lease runs out or a newer epoch begins."""

    job_id: str
    epoch: int


def acquire(
    session: Session,
    queue: str,
    lease_seconds: float,
    max_attempts: int,
    free_bytes: int | None = None,
    worker: str | None = None,
) -> Job | None:
    """Acquire a lease on the first job of `queue` that no worker holds; `worker` is the host name.

    A job that is parked because a disk was full is skipped unless `free_bytes` are enough for it.
    With None, parked jobs are not skipped.
    """
    lapsed = and_(
        Job.status == Status.RUNNING,
        Job.lease_until < now(),
        Job.attempt < max_attempts,
        Job.stop_requested.is_(None),
    )
    hold_order(session, queue)
    first = (
        select(Job.number)
        .where(Job.queue == queue, or_(Job.status == Status.QUEUED, lapsed), fits_disk(free_bytes))
        .order_by(PLACE)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(Job)
        .where(Job.number == first.scalar_subquery())
        .values(
            status=Status.RUNNING,
            epoch=Job.epoch + 1,
            attempt=Job.attempt + 1,
            lease_until=now() + lease_seconds,
            worker=worker,
            error=None,
            error_facts=None,
            room_needed=None,
            started_at=func.coalesce(Job.started_at, now()),
        )
        .returning(Job)
    )
    job = session.scalar(statement)
    if job is not None:
        taken_over = events.newest_state(session, job.id) == Status.RUNNING
        save(session, job, WORKER_LOST if taken_over else None)
    return job


def renew(
    session: Session, claim: Claim, lease_seconds: float, progress: dict[str, Any] | None = None
) -> Stop | None:
    """Renew the lease and publish the progress. Returns the stop that was requested, if any."""
    values: dict[str, Any] = {"lease_until": now() + lease_seconds}
    if progress is not None:
        values["progress"] = progress
    row = session.execute(
        update(Job).where(_held(claim)).values(values).returning(Job.stop_requested)
    ).one_or_none()
    if row is None:
        raise Fenced(claim.job_id)
    return Stop(row[0]) if row[0] else None


def lock_job(session: Session, claim: Claim) -> Job:
    """Lock and return the job's row for this transaction, or raise Fenced.

    SQLite has no row locks and needs none: a write transaction excludes all other writers.
    """
    query = select(Job).where(_held(claim)).with_for_update()
    job = session.scalar(query.execution_options(populate_existing=True))
    if job is None:
        raise Fenced(claim.job_id)
    return job


def record(
    session: Session,
    claim: Claim,
    event_type: str,
    data: dict[str, Any],
    once: str | None = None,
) -> bool:
    """Append an event as the holder of the job. Returns False if `once` was recorded before."""
    lock_job(session, claim)
    return events.append(session, claim.job_id, event_type, data, once)


def store_state(session: Session, claim: Claim, key: str) -> None:
    """Record a newer training state of the job, and reset its attempts."""
    job = lock_job(session, claim)
    job.state_key, job.attempt = key, 0


def release(
    session: Session, claim: Claim, *, keep_attempt: bool = False, reason: str = WORKER_SHUT_DOWN
) -> None:
    """Return a running job to its queue, and reset its attempts unless it crashed."""
    job = lock_job(session, claim)
    if not keep_attempt:
        job.attempt = 0
    queue_again(session, job, reason)


def park(
    session: Session, claim: Claim, reason: str, room_needed: int, free_bytes: int = 0
) -> None:
    """Return a running job to its queue until `room_needed` bytes are free; reset its attempts.

    `free_bytes` were free when it stopped.
    """
    job = lock_job(session, claim)
    job.attempt, job.error, job.room_needed = 0, reason, room_needed
    disk_full = {"kind": "disk_full", "free_bytes": free_bytes, "room_needed": room_needed}
    job.error_facts = disk_full
    queue_again(session, job, reason)


def pause(session: Session, claim: Claim) -> None:
    """Pause a running job, as its user requested."""
    apply_stop(session, lock_job(session, claim), Stop.PAUSE)


def end(
    session: Session,
    claim: Claim,
    status: Status,
    error: str | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """End a running job. `facts` are the kind and the figures of the error, where they are known
    (app.domain.job_errors)."""
    _end(session, lock_job(session, claim), status, error, facts)


def reap(session: Session, max_attempts: int) -> list[Job]:
    """Queue, stop or fail the jobs whose lease ran out, and return them. Safe to repeat."""
    lapsed = select(Job).where(Job.status == Status.RUNNING, Job.lease_until < now())
    jobs: Sequence[Job] = session.scalars(
        lapsed.order_by(Job.number).with_for_update(skip_locked=True)
    ).all()
    for job in jobs:
        if job.attempt >= max_attempts and not job.stop_requested:
            times = "once" if job.attempt == 1 else f"{job.attempt} times"
            error = (
                f"its worker stopped renewing the lease {times} without storing anything new in "
                "between: it was killed, or its machine ran out of memory"
            )
            facts = {"kind": "worker_lost", "attempts": job.attempt}
            _end(session, job, Status.FAILED, error, facts)
        else:
            queue_again(session, job, WORKER_LOST)
    return list(jobs)


def expire_all(session: Session) -> None:
    """Expire every lease now. Only for callers that know that no worker of this database runs."""
    session.execute(update(Job).where(Job.status == Status.RUNNING).values(lease_until=now() - 1))


def _held(claim: Claim) -> ColumnElement[bool]:
    return and_(Job.id == claim.job_id, Job.epoch == claim.epoch, Job.status == Status.RUNNING)


def _end(
    session: Session, job: Job, status: Status, error: str | None, facts: dict[str, Any] | None
) -> None:
    job.status, job.error, job.error_facts = status, error, facts
    job.lease_until, job.finished_at, job.stop_requested = None, now(), None
    save(session, job)
