"""The sample index of a checkpoint: when a job builds it, and what the job reads.

A checkpoint is indexed when its model first serves it after its training has ended, and when a
search first needs its index. `models.scoring.sample_index` describes the file.
"""

from contextlib import suppress

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.checkpoint_files import has_file, newest_job, queue_job
from app.domain.database import Database
from app.domain.errors import NotFound, QueueFull
from app.domain.job_states import ENDED, JobKind
from app.domain.served_checkpoint import served_by_model
from app.domain.settings import WorkerSettings
from app.domain.tables import Checkpoint, Job, Model

# While a job of these kinds is unfinished, its model may soon serve another checkpoint.
CHANGING = (JobKind.TRAIN, JobKind.EVALUATE)


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
