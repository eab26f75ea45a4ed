"""Jobs as their users see them: created, listed, moved, paused, resumed and cancelled."""

import secrets
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from app.domain import queue_order
from app.domain.errors import Conflict, NotFound, QueueFull
from app.domain.job_states import ENDED, JobKind, Status, Stop, apply_stop, fits_disk, save
from app.domain.owners import current_owner
from app.domain.queue import Queue
from app.domain.tables import Job

QUEUE_OF_KIND: dict[str, Queue] = {
    JobKind.TRAIN: Queue.TRAIN,
    JobKind.INGEST: Queue.LIGHT,
    JobKind.EVALUATE: Queue.EVALUATE,
    JobKind.SYNTHESIZE: Queue.SYNTHESIZE,
    JobKind.EXPORT: Queue.LIGHT,
    JobKind.IMPORT: Queue.LIGHT,
    JobKind.INDEX: Queue.LIGHT,
    JobKind.ENCODER: Queue.LIGHT,
    JobKind.PROJECT: Queue.LIGHT,
    JobKind.DIRECTIONS: Queue.LIGHT,
}
PAUSABLE = (JobKind.TRAIN, JobKind.SYNTHESIZE)  # kinds that can continue from stored work
STOPPED = {Stop.PAUSE: "paused", Stop.CANCEL: "cancelled"}
INITIAL_PROGRESS: dict[str, Any] = {
    "images_seen": 0,
    "images_total": None,
    "images_per_second": None,
    "eta_seconds": None,
}


def new_id() -> str:
    return secrets.token_hex(8)


def find(session: Session, job_id: str, *, lock: bool = False) -> Job:
    """Return a job. No other transaction can change a locked one until this transaction ends."""
    query = select(Job).where(Job.id == job_id)
    job = session.scalar(query.with_for_update() if lock else query)
    if job is None:
        raise NotFound(f"there is no job {job_id!r}")
    return job


def create(
    session: Session,
    *,
    kind: str,
    max_queued: int | None,
    config: dict[str, Any],
    model: str | None = None,
    dataset: str | None = None,
    preset: str | None = None,
    resume_from: str | None = None,
    checkpoint: str | None = None,
    job_id: str | None = None,
) -> Job:
    """Queue a job of the current owner.

    Raises QueueFull if `max_queued` jobs of its queue are waiting already; None means any number.

    `job_id` is the id of a job whose objects are stored already; by default it is a new one.
    """
    queue = QUEUE_OF_KIND[kind]
    waiting = session.scalar(
        select(func.count()).where(Job.queue == queue, Job.status == Status.QUEUED)
    )
    if waiting is not None and max_queued is not None and waiting >= max_queued:
        raise QueueFull(
            f"{waiting} {kind} jobs are queued already, and the limit is {max_queued}: "
            "try again when some have ended, or cancel one",
            retry_after=60,
        )
    job = Job(
        id=job_id or new_id(),
        kind=kind,
        queue=queue,
        status=Status.QUEUED,
        model=model,
        dataset=dataset,
        preset=preset,
        resume_from=resume_from,
        checkpoint=checkpoint,
        config=config,
        owner=current_owner(),
        progress=INITIAL_PROGRESS | {"images_total": config.get("images")},
    )
    session.add(job)
    save(session, job)
    return job


def select_running(job_id: str) -> Select[Job]:
    return select(Job).where(Job.id == job_id, Job.status == Status.RUNNING)


def request_stop(session: Session, job_id: str, stop: Stop) -> Job:
    """Cancel or pause this job: at once if it is waiting, through its worker if it is running."""
    job = find(session, job_id, lock=True)
    if job.status in ENDED or (stop is Stop.PAUSE and job.status == Status.PAUSED):
        raise Conflict(f"job {job_id} is {job.status}: it cannot be {STOPPED[stop]}")
    if stop is Stop.PAUSE and job.kind not in PAUSABLE:
        raise Conflict(
            f"job {job_id} is of kind {job.kind}: only {' and '.join(PAUSABLE)} can be paused"
        )
    if stop is Stop.PAUSE and job.stop_requested == Stop.CANCEL:
        raise Conflict(f"job {job_id} is being cancelled: it cannot be paused")
    if job.status == Status.RUNNING:
        job.stop_requested = stop
    else:
        apply_stop(session, job, stop)
    return job


def move(session: Session, job_id: str, position: int) -> Job:
    """Move a queued job to a position of its queue, 1 for the next to run.

    A position beyond the end is the end: the queue may have become shorter meanwhile.
    """
    queue_order.lock_order(session, _queue_of(session, job_id))
    job = find(session, job_id, lock=True)
    if job.status != Status.QUEUED:
        raise Conflict(f"job {job_id} is {job.status}: only a queued job can be moved")
    if queue_order.put_at(session, job, position):
        save(session, job)
    return job


def _queue_of(session: Session, job_id: str) -> str:
    queue = session.scalar(select(Job.queue).where(Job.id == job_id))
    if queue is None:
        raise NotFound(f"there is no job {job_id!r}")
    return queue


def resume(session: Session, job_id: str) -> Job:
    """Queue a paused job again."""
    job = find(session, job_id, lock=True)
    if job.status != Status.PAUSED:
        raise Conflict(f"job {job_id} is {job.status}: only a paused job can be resumed")
    job.status = Status.QUEUED
    save(session, job)
    return job


def has_queued(session: Session, queue: str, free_bytes: int | None = None) -> bool:
    """Whether a job is waiting in `queue` that needs at most `free_bytes` of disk space."""
    query = select(Job.number).where(
        Job.queue == queue, Job.status == Status.QUEUED, fits_disk(free_bytes)
    )
    return session.scalar(query.limit(1)) is not None


def find_unfinished(session: Session, condition: ColumnElement[bool]) -> Job | None:
    """Return a job that has not ended and meets the condition."""
    return session.scalar(select(Job).where(condition, Job.status.not_in(ENDED)).limit(1))
