"""The export of a checkpoint that an older version stored without an ONNX file."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import jobs, registry
from app.domain.database import Database
from app.domain.job_states import JobKind
from app.domain.leases import Claim, lock_job
from app.domain.settings import Settings
from app.domain.tables import Checkpoint, Job


def ensure_exported(database: Database, settings: Settings, checkpoint_id: str) -> Job | None:
    """Return the unfinished job that exports the checkpoint; queue one if there is none.

    Returns None if the checkpoint has its ONNX file already. After a failed or cancelled export, a
    new job is queued. The caller wakes the workers of the job's queue. Raises NotFound, QueueFull.
    """
    with database.write() as session:
        found = registry.find_checkpoint(session, checkpoint_id)
        registry.ensure_model(session, found.model)  # locked in the order that deletion uses
        checkpoint = _lock(session, checkpoint_id)
        if checkpoint.onnx_sha256 is not None:
            return None
        same = (Job.kind == JobKind.EXPORT) & (Job.checkpoint == checkpoint_id)
        unfinished = jobs.find_unfinished(session, same)
        if unfinished is not None:
            return unfinished
        return jobs.create(
            session,
            kind=JobKind.EXPORT,
            model=checkpoint.model,
            checkpoint=checkpoint_id,
            config={},
            max_queued=settings.max_queued_jobs,
        )


def add_onnx_file(session: Session, claim: Claim, sha256: str, size: int) -> None:
    """Add the stored ONNX file to the job's checkpoint, as the holder of the export."""
    checkpoint = _lock(session, lock_job(session, claim).checkpoint or "")
    checkpoint.onnx_sha256, checkpoint.onnx_bytes = sha256, size


def _lock(session: Session, checkpoint_id: str) -> Checkpoint:
    """Return the checkpoint as it is now; two exports of it are queued one after the other."""
    query = select(Checkpoint).where(Checkpoint.id == checkpoint_id).with_for_update()
    checkpoint = session.scalar(query.execution_options(populate_existing=True))
    return checkpoint or registry.find_checkpoint(session, checkpoint_id)  # raises NotFound
