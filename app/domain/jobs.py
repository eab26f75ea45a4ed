"""Jobs: who may hold one, for how long, and every way one can end.

The database owns a job. A worker holds it by a lease and an epoch; each claim raises the epoch,
and every later write of the holder carries it, so that a worker that was thought dead and comes
back can change nothing (it is *fenced*).

    queued ─► running ─► succeeded | failed | cancelled
       ▲         ▼
       └─────  paused
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.orm import Session

from app.domain import events
from app.domain.database import now
from app.domain.errors import Conflict, NotFound, QueueFull
from app.domain.queue import Queue
from app.domain.tables import Dataset, Job


class Status(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Stop(StrEnum):
    PAUSE = "pause"
    CANCEL = "cancel"


QUEUE_OF_KIND = {"train": Queue.TRAIN, "ingest": Queue.LIGHT}
ENDED = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)
NO_PROGRESS: dict[str, Any] = {
    "images_seen": 0,
    "images_total": None,
    "images_per_second": None,
    "eta_seconds": None,
}


class Fenced(Exception):
    """This worker no longer holds the job: its lease ran out and the job went on without it."""


@dataclass(frozen=True)
class Claim:
    """The right to work on a job, until its lease runs out or a newer epoch begins."""

    job_id: str
    epoch: int


def new_id() -> str:
    return secrets.token_hex(8)


def find(session: Session, job_id: str) -> Job:
    job = session.scalar(select(Job).where(Job.id == job_id))
    if job is None:
        raise NotFound(f"there is no job {job_id!r}")
    return job


def create(
    session: Session,
    *,
    kind: str,
    max_queued: int,
    config: dict[str, Any],
    model: str | None = None,
    dataset: str | None = None,
    preset: str | None = None,
    idempotency_key: str | None = None,
    request_hash: str | None = None,
) -> Job:
    """Queue a job. Raises QueueFull when `max_queued` jobs of its queue wait already."""
    queue = QUEUE_OF_KIND[kind]
    waiting = session.scalar(
        select(func.count()).where(Job.queue == queue, Job.status == Status.QUEUED)
    )
    if waiting is not None and waiting >= max_queued:
        raise QueueFull(
            f"{waiting} {kind} jobs wait already, and the limit is {max_queued}: "
            "try again when some have ended, or cancel one",
            retry_after=60,
        )
    job = Job(
        id=new_id(),
        kind=kind,
        queue=queue,
        status=Status.QUEUED,
        model=model,
        dataset=dataset,
        preset=preset,
        config=config,
        progress=NO_PROGRESS | {"images_total": config.get("images")},
        idempotency_key=idempotency_key,
        request_hash=request_hash,
    )
    session.add(job)
    session.flush()
    _tell_state(session, job)
    return job


def select_running(job_id: str) -> Select[Job]:
    return select(Job).where(Job.id == job_id, Job.status == Status.RUNNING)


def position(session: Session, job: Job) -> int | None:
    """The job's place in its queue, the next to run being 1; None when it does not wait."""
    if job.status != Status.QUEUED:
        return None
    ahead = select(func.count()).where(
        Job.queue == job.queue, Job.status == Status.QUEUED, Job.number <= job.number
    )
    return session.scalar(ahead)


def claim(session: Session, queue: str, lease_seconds: float, max_attempts: int) -> Job | None:
    """Take the oldest job of `queue` that nobody holds, in one statement."""
    lapsed = and_(
        Job.status == Status.RUNNING,
        Job.lease_until < now(),
        Job.attempt < max_attempts,
        Job.stop_requested.is_(None),
    )
    oldest = (
        select(Job.number)
        .where(Job.queue == queue, or_(Job.status == Status.QUEUED, lapsed))
        .order_by(Job.number)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(Job)
        .where(Job.number == oldest.scalar_subquery())
        .values(
            status=Status.RUNNING,
            epoch=Job.epoch + 1,
            attempt=Job.attempt + 1,
            lease_until=now() + lease_seconds,
            started_at=func.coalesce(Job.started_at, now()),
        )
        .returning(Job)
    )
    job = session.scalar(statement)
    if job is not None:
        _tell_state(session, job)
    return job


def beat(
    session: Session, claim: Claim, lease_seconds: float, progress: dict[str, Any] | None
) -> Stop | None:
    """Renew the lease and publish the progress; answers whether a stop was asked for."""
    values: dict[str, Any] = {"lease_until": now() + lease_seconds}
    if progress is not None:
        values["progress"] = progress
    row = session.execute(
        update(Job).where(_held(claim)).values(values).returning(Job.stop_requested)
    ).one_or_none()
    if row is None:
        raise Fenced(claim.job_id)
    return Stop(row[0]) if row[0] else None


def record(
    session: Session,
    claim: Claim,
    event_type: str,
    data: dict[str, Any],
    once: str | None = None,
) -> bool:
    """Append an event as the holder of the job. False when it happened before."""
    hold(session, claim)
    return events.append(session, claim.job_id, event_type, data, once)


def hold(session: Session, claim: Claim) -> None:
    """Lock the job's row for this transaction, or raise Fenced."""
    held = update(Job).where(_held(claim)).values(epoch=Job.epoch).returning(Job.number)
    if session.execute(held).one_or_none() is None:
        raise Fenced(claim.job_id)


def store_state(session: Session, claim: Claim, key: str) -> None:
    """Point the job at a newer training state; what was tried before no longer counts."""
    statement = update(Job).where(_held(claim)).values(state_key=key, attempt=0)
    if session.execute(statement.returning(Job.number)).one_or_none() is None:
        raise Fenced(claim.job_id)


def give_back(session: Session, claim: Claim, *, keep_attempt: bool = False) -> None:
    """Queue a running job again: gracefully (its attempt is forgotten) or after a crash."""
    values: dict[str, Any] = {"status": Status.QUEUED, "lease_until": None}
    if not keep_attempt:
        values["attempt"] = 0
    _leave(session, claim, values)


def pause(session: Session, claim: Claim) -> None:
    """Park a running job, as its user asked."""
    _leave(
        session,
        claim,
        {"status": Status.PAUSED, "lease_until": None, "attempt": 0, "stop_requested": None},
    )


def end(session: Session, claim: Claim, status: Status, error: str | None = None) -> None:
    """End a running job for good."""
    job = _leave(
        session,
        claim,
        {"status": status, "error": error, "lease_until": None, "finished_at": now()},
    )
    _after_end(session, job)


def request_stop(session: Session, job_id: str, stop: Stop) -> Job:
    """Cancel or pause exactly this job: at once when it waits, else through its worker."""
    job = _lock(session, job_id)
    if job.status in ENDED or (stop is Stop.PAUSE and job.status == Status.PAUSED):
        raise Conflict(f"job {job_id} is {job.status}: it cannot be {_PARTICIPLE[stop]}")
    if stop is Stop.PAUSE and job.kind != "train":
        raise Conflict(f"job {job_id} is of kind {job.kind}: only training can be paused")
    if job.status == Status.RUNNING:
        if job.stop_requested != Stop.CANCEL:  # a pause never takes back a cancel
            job.stop_requested = stop
        return job
    _stop_unheld(session, job, stop)
    return job


def resume(session: Session, job_id: str) -> Job:
    """Queue a paused job again."""
    job = _lock(session, job_id)
    if job.status != Status.PAUSED:
        raise Conflict(f"job {job_id} is {job.status}: only a paused job can be resumed")
    job.status = Status.QUEUED
    _save(session, job)
    return job


def reap(session: Session, max_attempts: int) -> list[str]:
    """Free the jobs whose worker fell silent; the ids of those that changed. Safe to repeat."""
    lapsed = select(Job).where(Job.status == Status.RUNNING, Job.lease_until < now())
    jobs: Sequence[Job] = session.scalars(
        lapsed.order_by(Job.number).with_for_update(skip_locked=True)
    ).all()
    for job in jobs:
        if job.stop_requested:
            _stop_unheld(session, job, Stop(job.stop_requested))
        elif job.attempt >= max_attempts:
            job.status, job.lease_until = Status.FAILED, None
            job.error = (
                f"its worker stopped answering {job.attempt} times without storing a training "
                "state in between: it was killed, or its machine ran out of memory"
            )
            job.finished_at = now()
            _save(session, job)
            _after_end(session, job)
        else:
            job.status, job.lease_until = Status.QUEUED, None
            _save(session, job)
    return [job.id for job in jobs]


def void_leases(session: Session) -> None:
    """End every lease now, where it is known that no worker of this database runs."""
    session.execute(update(Job).where(Job.status == Status.RUNNING).values(lease_until=now() - 1))


def waiting(session: Session, queue: str) -> bool:
    """Whether a job of `queue` waits for a worker."""
    query = select(Job.number).where(Job.queue == queue, Job.status == Status.QUEUED)
    return session.scalar(query.limit(1)) is not None


def busy_with(session: Session, condition: ColumnElement[bool]) -> Job | None:
    """A job that has not ended and meets the condition."""
    return session.scalar(select(Job).where(condition, Job.status.not_in(ENDED)).limit(1))


_PARTICIPLE = {Stop.PAUSE: "paused", Stop.CANCEL: "cancelled"}


def _held(claim: Claim) -> ColumnElement[bool]:
    return and_(Job.id == claim.job_id, Job.epoch == claim.epoch, Job.status == Status.RUNNING)


def _lock(session: Session, job_id: str) -> Job:
    job = session.scalar(select(Job).where(Job.id == job_id).with_for_update())
    if job is None:
        raise NotFound(f"there is no job {job_id!r}")
    return job


def _leave(session: Session, claim: Claim, values: dict[str, Any]) -> Job:
    statement = update(Job).where(_held(claim)).values(values).returning(Job)
    job: Job | None = session.scalar(statement)
    if job is None:
        raise Fenced(claim.job_id)
    _tell_state(session, job)
    return job


def _stop_unheld(session: Session, job: Job, stop: Stop) -> None:
    job.stop_requested, job.lease_until, job.attempt = None, None, 0
    if stop is Stop.PAUSE:
        job.status = Status.PAUSED
    else:
        job.status, job.finished_at = Status.CANCELLED, now()
    _save(session, job)
    if stop is Stop.CANCEL:
        _after_end(session, job)


def _save(session: Session, job: Job) -> None:
    """Write what was changed in the row, read back what the database put in, and tell of it."""
    session.flush()
    session.refresh(job)
    _tell_state(session, job)


def _tell_state(session: Session, job: Job) -> None:
    data = {"status": job.status, "attempt": job.attempt, "error": job.error}
    events.append(session, job.id, "state", data)


def _after_end(session: Session, job: Job) -> None:
    """What every end brings: the stream's last event, and a dataset that will not come."""
    if job.kind == "ingest" and job.status != Status.SUCCEEDED:
        error = job.error or "its ingest was cancelled"
        session.execute(
            update(Dataset).where(Dataset.job == job.id).values(status="failed", error=error)
        )
    data = {"status": job.status, "error": job.error}
    events.append(session, job.id, "end", data, once="end")
