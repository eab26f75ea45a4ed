"""Retention: which checkpoints of a training are deleted to make room for newer ones."""

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.job_states import ENDED
from app.domain.leases import Claim, lock_job
from app.domain.served_checkpoint import BEST_FIRST, best_checkpoint
from app.domain.settings import MIB, WorkerSettings
from app.domain.tables import Checkpoint, Job, Model


class RetentionCandidate(Protocol):
    """The fields of a checkpoint that retention reads."""

    id: str
    images_seen: int

    @property
    def stored_bytes(self) -> int: ...


C = TypeVar("C", bound=RetentionCandidate)


def choose_superseded(
    checkpoints: Sequence[C], protected: Collection[str], *, max_bytes: int, max_count: int
) -> list[C]:
    """Choose the checkpoints to delete, so that the others fit both limits.

    The newest one and the ids in `protected` always stay, even beyond the limits. Among the
    others, the checkpoint with the smallest distance in images_seen between its two neighbours is
    deleted first, so that the remaining ones stay evenly spaced over the run.
    """
    kept = sorted(checkpoints, key=lambda checkpoint: checkpoint.images_seen)
    deleted: list[C] = []
    while len(kept) > max_count or sum(checkpoint.stored_bytes for checkpoint in kept) > max_bytes:
        before = [0, *(checkpoint.images_seen for checkpoint in kept)]
        distances = [
            (kept[index + 1].images_seen - before[index], index)
            for index in range(len(kept) - 1)
            if kept[index].id not in protected
        ]
        if not distances:
            break
        deleted.append(kept.pop(min(distances)[1]))
    return deleted


def delete_superseded(session: Session, claim: Claim, settings: WorkerSettings) -> list[str]:
    """Delete the rows of the checkpoints that are over the limits, as the holder of the training.

    Returns the keys of their objects, which the caller deletes. A crash in between leaves objects
    without a row; `delete_leftovers` deletes those when the job ends.
    """
    job = lock_job(session, claim)
    query = select(Checkpoint).where(Checkpoint.job == job.id).order_by(Checkpoint.number)
    # A request that pins a checkpoint or starts from it locks it first: this query waits for it.
    stored = session.scalars(query.with_for_update()).all()
    superseded = choose_superseded(
        stored,
        _protected(session, job),
        max_bytes=settings.checkpoint_budget_mb * MIB,
        max_count=settings.checkpoints_kept,
    )
    for checkpoint in superseded:
        session.delete(checkpoint)
    return [key for checkpoint in superseded for key in checkpoint.objects]


def delete_after(session: Session, claim: Claim, images_seen: int) -> list[str]:
    """Delete the rows of the checkpoints after `images_seen`, as the holder of the training.

    Called when a training rolls back. Pinned and used checkpoints stay. Returns the keys of the
    deleted ones, whose objects the caller deletes.
    """
    job = lock_job(session, claim)
    query = select(Checkpoint).where(Checkpoint.job == job.id, Checkpoint.images_seen > images_seen)
    stored = session.scalars(query.with_for_update()).all()
    used = _in_use(session, job)
    undone = [checkpoint for checkpoint in stored if checkpoint.id not in used]
    for checkpoint in undone:
        session.delete(checkpoint)
    return [key for checkpoint in undone for key in checkpoint.objects]


def _protected(session: Session, job: Job) -> set[str]:
    """The ids of the best checkpoint of this training, the model's best one, and those in use."""
    of_job = select(Checkpoint).where(Checkpoint.job == job.id, Checkpoint.kid.is_not(None))
    best = session.scalar(of_job.order_by(*BEST_FIRST).limit(1))
    best_of_model = best_checkpoint(session, job.model or "")
    best_ids = {checkpoint.id for checkpoint in (best, best_of_model) if checkpoint is not None}
    return best_ids | _in_use(session, job)


def _in_use(session: Session, job: Job) -> set[str]:
    """The ids of the pinned checkpoint, and of those that an unfinished job starts from, evaluates
    or generates images with."""
    used = {session.scalar(select(Model.checkpoint).where(Model.name == job.model))}
    for column in (Job.resume_from, Job.checkpoint):
        used |= set(session.scalars(select(column).where(Job.status.not_in(ENDED))))
    return {checkpoint_id for checkpoint_id in used if checkpoint_id is not None}
