"""Which checkpoints of a training make room for newer ones, and their removal."""

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.job_states import ENDED
from app.domain.leases import Claim, hold
from app.domain.served_checkpoint import BEST_FIRST, best_checkpoint
from app.domain.settings import WorkerSettings
from app.domain.tables import Checkpoint, Job, Model

MB = 1024**2


class Kept(Protocol):
    """What retention knows of a checkpoint."""

    id: str
    images_seen: int
    bytes: int


K = TypeVar("K", bound=Kept)


def superseded(
    checkpoints: Sequence[K], protected: Collection[str], *, max_bytes: int, max_count: int
) -> list[K]:
    """Those to remove so that the rest fits both limits, as far as what must stay lets it.

    The newest stays, and the ids in `protected`. Of the others that one goes, again and again,
    whose neighbours are closest in images_seen, so that the rest spreads evenly over the run.
    """
    kept = sorted(checkpoints, key=lambda one: one.images_seen)
    gone: list[K] = []
    while len(kept) > max_count or sum(one.bytes for one in kept) > max_bytes:
        gaps = [
            (after.images_seen - before, place)
            for place, (before, one, after) in enumerate(
                zip([0, *(one.images_seen for one in kept)], kept, kept[1:], strict=False)
            )
            if one.id not in protected
        ]
        if not gaps:
            break
        gone.append(kept.pop(min(gaps)[1]))
    return gone


def make_room(session: Session, claim: Claim, settings: WorkerSettings) -> list[str]:
    """Forget what the newest checkpoint of this training supersedes, as the job's holder.

    The keys of what is then the caller's to delete: a crash in between leaves objects without a
    row, which the end of the job finds.
    """
    job = hold(session, claim)
    query = select(Checkpoint).where(Checkpoint.job == job.id).order_by(Checkpoint.number)
    # Whoever pins a checkpoint or starts from it locks it first: what they chose is seen below.
    stored = session.scalars(query.with_for_update()).all()
    doomed = superseded(
        stored,
        _needed(session, job),
        max_bytes=settings.checkpoint_budget_mb * MB,
        max_count=settings.checkpoints_kept,
    )
    for checkpoint in doomed:
        session.delete(checkpoint)
    return [checkpoint.key for checkpoint in doomed]


def undo(session: Session, claim: Claim, images_seen: int) -> list[str]:
    """Forget the checkpoints past `images_seen`, to which the training went back, as its holder.

    What is pinned or in use stays; the keys of the others are the caller's to delete.
    """
    job = hold(session, claim)
    query = select(Checkpoint).where(Checkpoint.job == job.id, Checkpoint.images_seen > images_seen)
    stored = session.scalars(query.with_for_update()).all()
    used = _in_use(session, job)
    doomed = [checkpoint for checkpoint in stored if checkpoint.id not in used]
    for checkpoint in doomed:
        session.delete(checkpoint)
    return [checkpoint.key for checkpoint in doomed]


def _needed(session: Session, job: Job) -> set[str]:
    """The ids of what is served, of the best that the model and this training have, and in use."""
    of_job = select(Checkpoint).where(Checkpoint.job == job.id, Checkpoint.kid.is_not(None))
    best = session.scalar(of_job.order_by(*BEST_FIRST).limit(1))
    served = best_checkpoint(session, job.model or "")
    return {one.id for one in (best, served) if one is not None} | _in_use(session, job)


def _in_use(session: Session, job: Job) -> set[str]:
    """The ids of what is pinned, or what an unfinished job starts from, evaluates or makes
    pictures with."""
    used = {session.scalar(select(Model.checkpoint).where(Model.name == job.model))}
    for column in (Job.resume_from, Job.checkpoint):
        used |= set(session.scalars(select(column).where(Job.status.not_in(ENDED))))
    return {one for one in used if one is not None}
