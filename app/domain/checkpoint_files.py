"""The files beside a checkpoint: its sample index, its encoder, its quality reference.

A checkpoint has at most one file of each kind. A file that a job computes is of the kind of that
job; the reference came with an imported checkpoint. The files are deleted with their checkpoint,
and their bytes count in the checkpoint's budget.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import jobs, registry
from app.domain.database import Database
from app.domain.job_objects import file_key
from app.domain.job_states import ENDED, JobKind, Status
from app.domain.leases import Claim, lock_job
from app.domain.settings import Settings
from app.domain.tables import Checkpoint, CheckpointFile, Job

REFERENCE_FILE = "reference"  # the kind of file that an import adds


def find_file(session: Session, checkpoint_id: str, kind: str) -> CheckpointFile | None:
    """Return the checkpoint's file of this kind, None if it has none."""
    query = select(CheckpointFile).where(
        CheckpointFile.checkpoint == checkpoint_id, CheckpointFile.kind == kind
    )
    return session.scalar(query)


def newest_job(session: Session, checkpoint_id: str, kind: JobKind) -> Job | None:
    """Return the newest job that computes the checkpoint's file of this kind."""
    query = select(Job).where(Job.kind == kind, Job.checkpoint == checkpoint_id)
    return session.scalar(query.order_by(Job.number.desc()).limit(1))


def has_file(checkpoint: Checkpoint, kind: JobKind) -> bool:
    return any(file.kind == kind for file in checkpoint.files)


def ensure_job(
    database: Database,
    settings: Settings,
    checkpoint_id: str,
    kind: JobKind,
    is_done: Callable[[Checkpoint], bool],
) -> Job | None:
    """Return the unfinished job of this kind for the checkpoint; queue one if there is none.

    Returns None if `is_done` says of the locked checkpoint that the job's work is stored already.
    After a failed or cancelled job, a new one is queued. The caller wakes the workers of the job's
    queue. Raises NotFound, QueueFull.
    """
    with database.write() as session:
        return queue_job(session, checkpoint_id, kind, is_done, settings.max_queued_jobs)


def queue_job(
    session: Session,
    checkpoint_id: str,
    kind: JobKind,
    is_done: Callable[[Checkpoint], bool],
    max_queued: int,
    *,
    background: bool = False,
) -> Job | None:
    """`ensure_job` in a transaction of the caller.

    `background` marks the job in `config` as low priority, because no request depends on it. A
    request for the same file removes the mark while the job is queued.
    """
    found = registry.find_checkpoint(session, checkpoint_id)
    registry.hold_model(session, found.model)  # locked in the order that deletion uses
    checkpoint = registry.lock_row(session, checkpoint_id)
    if is_done(checkpoint):
        return None
    job = newest_job(session, checkpoint_id, kind)
    if job is not None and job.status not in ENDED:
        if not background and job.status == Status.QUEUED:
            job.config = {}
        return job
    return jobs.create(
        session,
        kind=kind,
        model=checkpoint.model,
        checkpoint=checkpoint_id,
        config={"background": True} if background else {},
        max_queued=max_queued,
    )


def computed_file_key(claim: Claim, kind: JobKind, suffix: str) -> str:
    """The key under which the holder of the job stores the file; `suffix` is `.npz`, say."""
    return file_key(claim.job_id, claim.epoch, f"{kind}{suffix}")


def add_file(
    session: Session,
    claim: Claim,
    kind: JobKind,
    *,
    key: str,
    sha256: str,
    size: int,
    details: dict[str, Any],
) -> CheckpointFile:
    """Add the stored file to the job's checkpoint, as the holder of the job.

    It replaces an older file of its kind, whose object the sweep deletes. Raises NotFound if the
    checkpoint was deleted meanwhile.
    """
    checkpoint = registry.lock_row(session, lock_job(session, claim).checkpoint or "")
    file = find_file(session, checkpoint.id, kind)
    if file is None:
        file = CheckpointFile(checkpoint=checkpoint.id, kind=kind)
        session.add(file)
    file.key, file.sha256, file.bytes, file.details = key, sha256, size, details
    session.flush()
    return file
