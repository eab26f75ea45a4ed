"""The states of a job, and what each transition does.

queued ─► running ─► succeeded | failed | cancelled
   ▲         ▼
   └─────  paused
"""

from enum import StrEnum

from sqlalchemy import ColumnElement, delete, or_, true, update
from sqlalchemy.orm import Session

from app.domain import events
from app.domain.database import now
from app.domain.tables import Dataset, Job, JobFile


class JobKind(StrEnum):
    TRAIN = "train"
    INGEST = "ingest"
    EVALUATE = "evaluate"
    SYNTHESIZE = "synthesize"
    EXPORT = "export"
    IMPORT = "import"
    INDEX = "index"
    ENCODER = "encoder"
    PROJECT = "project"
    DIRECTIONS = "directions"


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


# The kinds that compute a file of a checkpoint. They never keep their model from being deleted.
DERIVING = (JobKind.INDEX, JobKind.ENCODER)
# The kinds whose jobs make a dataset, with their nouns.
DATASET_KINDS: dict[str, str] = {JobKind.INGEST: "ingest", JobKind.SYNTHESIZE: "synthesis"}
ENDED = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


def save(session: Session, job: Job, reason: str | None = None) -> None:
    """Write the changed row, read back the values that the database set, and append the event.

    `reason` says why a job that was running is queued or running again.
    """
    session.flush()
    session.refresh(job)
    data = {"status": job.status, "attempt": job.attempt, "error": job.error}
    if reason is not None:
        data["reason"] = reason
    events.append(session, job.id, "state", data)
    if job.status in ENDED:
        _after_end(session, job)


def queue_again(session: Session, job: Job, reason: str) -> None:
    """Return the job to its queue, or apply the stop that its user has requested meanwhile."""
    if job.stop_requested:
        apply_stop(session, job, Stop(job.stop_requested))
        return
    job.status, job.lease_until = Status.QUEUED, None
    save(session, job, reason)


def apply_stop(session: Session, job: Job, stop: Stop) -> None:
    """Pause or cancel a job that no worker holds."""
    job.stop_requested, job.lease_until, job.attempt = None, None, 0
    job.error, job.error_facts, job.room_needed = None, None, None  # set if the job was parked
    if stop is Stop.PAUSE:
        job.status = Status.PAUSED
    else:
        job.status, job.finished_at = Status.CANCELLED, now()
    save(session, job)


def fits_disk(free_bytes: int | None) -> ColumnElement[bool]:
    """The condition that a job needs at most `free_bytes` of disk space; with None, any amount."""
    if free_bytes is None:
        return true()
    return or_(Job.room_needed.is_(None), Job.room_needed <= free_bytes)


def _after_end(session: Session, job: Job) -> None:
    """Append the stream's last event, fail the dataset that a failed ingest or synthesis was to
    make, and unlist the files of a cancelled synthesis."""
    if job.kind in DATASET_KINDS and job.status != Status.SUCCEEDED:
        error, facts = job.error, job.error_facts
        if error is None:
            error, facts = f"its {DATASET_KINDS[job.kind]} was cancelled", {"kind": "cancelled"}
        values = {"status": "failed", "error": error, "error_facts": facts}
        session.execute(update(Dataset).where(Dataset.job == job.id).values(values))
    if job.status == Status.CANCELLED:
        session.execute(delete(JobFile).where(JobFile.job == job.id))
    data = {"status": job.status, "error": job.error}
    events.append(session, job.id, "end", data, once="end")
