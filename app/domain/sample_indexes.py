"""The sample index of a checkpoint: when a job builds it, and what the job reads.

A checkpoint is indexed when its model first serves it after its training has ended, and when a
search first needs its index. `models.scoring.sample_index` describes the file.
"""

from collections.abc import Callable
from contextlib import suppress
from math import ceil

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.checkpoint_files import ensure_job, has_file, newest_job, queue_job
from app.domain.database import Database
from app.domain.errors import Conflict, NotFound, QueueFull, Unavailable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_states import ENDED, JobKind, Status
from app.domain.served_checkpoint import served_by_model
from app.domain.settings import Settings, WorkerSettings
from app.domain.tables import Checkpoint, Job, Model

# While a job of these kinds is unfinished, its model may soon serve another checkpoint.
CHANGING = (JobKind.TRAIN, JobKind.EVALUATE)
MIN_RETRY, MAX_RETRY = 2, 60  # seconds


class IndexMissing(Unavailable):
    """The checkpoint has no sample index yet; a job builds it."""


def index_served(database: Database, settings: WorkerSettings) -> Job | None:
    """Queue the index of one served checkpoint that no job has indexed yet; return the job.

    While a job of kind index is unfinished, none is queued: they come one after the other. A failed
    job is not repeated here: the next search does that.
    """
    with database.read() as session:
        checkpoint = _unindexed(session)
    if checkpoint is None:
        return None
    with suppress(NotFound, QueueFull), database.write() as session:
        return queue_job(
            session, checkpoint.id, JobKind.INDEX, is_indexed, settings.max_queued_jobs
        )
    return None


def is_indexed(checkpoint: Checkpoint) -> bool:
    return has_file(checkpoint, JobKind.INDEX)


def _unindexed(session: Session) -> Checkpoint | None:
    """The first served checkpoint without an index and without a job that builds or built it."""
    unfinished = select(Job.model).where(Job.status.not_in(ENDED))
    if session.scalar(unfinished.where(Job.kind == JobKind.INDEX).limit(1)) is not None:
        return None
    changing = set(session.scalars(unfinished.where(Job.kind.in_(CHANGING))))
    models = [model for model in session.scalars(select(Model)) if model.name not in changing]
    for choice in served_by_model(session, models).values():
        checkpoint = choice.checkpoint
        if checkpoint.onnx_sha256 is None or is_indexed(checkpoint):
            continue
        if newest_job(session, checkpoint.id, JobKind.INDEX) is None:
            return checkpoint
    return None


def index_missing(
    database: Database,
    settings: Settings,
    checkpoint: GeneratorCheckpoint,
    wake: Callable[[str], None],
) -> IndexMissing:
    """The error for a checkpoint without a usable index, whose job is queued unless there is one.

    `wake` notifies the workers of a queue. Raises NotFound, QueueFull.
    """
    with database.read() as session:
        previous = newest_job(session, checkpoint.id, JobKind.INDEX)
    # Also where a file is stored: it could not be used.
    job = ensure_job(database, settings, checkpoint.id, JobKind.INDEX, lambda _row: False)
    assert job is not None
    wake(job.queue)
    return _describe_missing(checkpoint, job, previous)


def quality_unknown(reason: str, field: str) -> Conflict:
    """The error for a request whose `field` needs the quality of a model's images."""
    return Conflict(
        f"the quality of this model's images is not known: {reason}. Leave {field} out", field=field
    )


def _describe_missing(
    checkpoint: GeneratorCheckpoint, job: Job, previous: Job | None
) -> IndexMissing:
    eta = job.progress.get("eta_seconds") if job.status == Status.RUNNING else None
    seconds = MIN_RETRY if eta is None else ceil(eta)
    failure = ""
    if previous is not None and previous.status in ENDED and previous.error:
        failure = f" (the one before, {previous.id}, failed: {previous.error})"
    return IndexMissing(
        f"checkpoint {checkpoint.id} of model {checkpoint.model!r} has no sample index yet: job "
        f"{job.id} builds it{failure}. Ask again when that job has succeeded",
        retry_after=min(max(seconds, MIN_RETRY), MAX_RETRY),
        job=job.id,
    )
