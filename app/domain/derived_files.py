"""The sample index and the encoder of a served checkpoint: when jobs compute them.

A job computes the index when a model first serves the checkpoint after its training has ended, and
another one then trains the encoder, which starts from the index. Where a setting turns that off,
or the job failed, a search queues the index and a projection the encoder. The files are described
by `models.scoring.sample_index` and `models.projection.projection`.
"""

from contextlib import suppress
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.checkpoint_files import has_file, newest_job, queue_job
from app.domain.database import Database
from app.domain.errors import NotFound, QueueFull
from app.domain.extras import lacks_training
from app.domain.job_states import DERIVING, ENDED, JobKind
from app.domain.served_checkpoint import served_by_model
from app.domain.settings import WorkerSettings
from app.domain.tables import Checkpoint, Job, Model

# While a job of these kinds is unfinished, its model may soon serve another checkpoint.
CHANGING = (JobKind.TRAIN, JobKind.EVALUATE)


class Missing(NamedTuple):
    """A file that a served checkpoint lacks."""

    checkpoint_id: str
    kind: JobKind


def derive_served(database: Database, settings: WorkerSettings) -> Job | None:
    """Queue the job for one file of a served checkpoint that no job has computed; return the job.

    The indexes of all models come before the encoders. While a job of either kind is unfinished,
    none is queued: they come one after the other. A failed job is not repeated here: the next
    search or projection does that. A worker without the extra `train` queues no encoder.
    """
    enabled = {
        JobKind.INDEX: settings.index_served,
        JobKind.ENCODER: settings.encoder_served and not lacks_training(),
    }
    kinds = [kind for kind, is_enabled in enabled.items() if is_enabled]
    if not kinds:
        return None
    with database.read() as session:
        missing = _missing(session, kinds)
    if missing is None:
        return None
    checkpoint_id, kind = missing

    def is_done(checkpoint: Checkpoint) -> bool:
        return has_file(checkpoint, kind)

    with suppress(NotFound, QueueFull), database.write() as session:
        return queue_job(
            session, checkpoint_id, kind, is_done, settings.max_queued_jobs, background=True
        )
    return None


def _missing(session: Session, kinds: list[JobKind]) -> Missing | None:
    """The first missing file of these kinds, in their order, that no job computes or computed."""
    unfinished = select(Job.model).where(Job.status.not_in(ENDED))
    if session.scalar(unfinished.where(Job.kind.in_(DERIVING)).limit(1)) is not None:
        return None
    changing = set(session.scalars(unfinished.where(Job.kind.in_(CHANGING))))
    models = [model for model in session.scalars(select(Model)) if model.name not in changing]
    served = [choice.checkpoint for choice in served_by_model(session, models).values()]
    for kind in kinds:
        for checkpoint in served:
            if checkpoint.onnx_sha256 is None or has_file(checkpoint, kind):
                continue
            if newest_job(session, checkpoint.id, kind) is None:
                return Missing(checkpoint.id, kind)
    return None
