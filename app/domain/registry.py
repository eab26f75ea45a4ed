"""Models and their checkpoints: which there are, and which one is served."""

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.domain import jobs
from app.domain.errors import Conflict, NotFound
from app.domain.leases import Claim, hold
from app.domain.served_checkpoint import best_checkpoint, scored_against, served_checkpoint
from app.domain.tables import Checkpoint, Job, Model


def find_model(session: Session, name: str, *, lock: bool = False) -> Model:
    """With `lock`, nobody else changes or deletes it until the transaction ends."""
    query = select(Model).where(Model.name == name)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    model = session.scalar(query)
    if model is None:
        raise NotFound(f"there is no model {name!r}", field="model")
    return model


def ensure_model(session: Session, name: str) -> None:
    """Create the model unless it exists; until the transaction ends it cannot be deleted."""
    query = select(Model.number).where(Model.name == name).with_for_update(read=True)
    if session.scalar(query) is None:
        session.add(Model(name=name))
        session.flush()


def resolve_checkpoint(
    session: Session, model_name: str, checkpoint_id: str | None = None
) -> Checkpoint:
    """The checkpoint named, or the one that the model serves."""
    model = find_model(session, model_name)
    wanted = checkpoint_id or model.checkpoint
    if wanted is not None:
        query = select(Checkpoint).where(Checkpoint.model == model_name, Checkpoint.id == wanted)
        checkpoint = session.scalar(query)
        if checkpoint is None:
            raise NotFound(
                f"model {model_name!r} has no checkpoint {wanted!r}: it was never stored, or has "
                "made room for newer ones",
                field="checkpoint",
            )
        return checkpoint
    best = best_checkpoint(session, model_name)
    if best is None:
        raise NotFound(
            f"model {model_name!r} has no checkpoint yet: its training has not stored the first"
        )
    return best


def serve(session: Session, model_name: str, checkpoint_id: str | None) -> Model:
    """Serve this checkpoint from now on, or, with None, always the best."""
    model = find_model(session, model_name, lock=True)  # before its checkpoint, as when deleted
    if checkpoint_id is not None:
        _keep(session, resolve_checkpoint(session, model_name, checkpoint_id))
    model.checkpoint = checkpoint_id
    return model


def find_checkpoint(session: Session, checkpoint_id: str) -> Checkpoint:
    checkpoint = session.scalar(select(Checkpoint).where(Checkpoint.id == checkpoint_id))
    if checkpoint is None:
        raise NotFound(f"there is no checkpoint {checkpoint_id!r}", field="checkpoint")
    return checkpoint


def find_start(session: Session, wanted: str) -> Checkpoint:
    """The checkpoint that a fine-tuning starts from, by its id or by the model that serves it.

    Until the transaction ends, it cannot be deleted.
    """
    checkpoint = session.scalar(select(Checkpoint).where(Checkpoint.id == wanted))
    if checkpoint is None:
        model = session.scalar(select(Model).where(Model.name == wanted))
        checkpoint = served_checkpoint(session, model) if model else None
        if checkpoint is None:
            why = "has no checkpoint yet" if model else "is neither a checkpoint nor a model"
            raise NotFound(f"{wanted!r} {why}: it cannot be resumed from", field="resume_from")
    ensure_model(session, checkpoint.model)
    _keep(session, checkpoint)
    return checkpoint


def find_subject(session: Session, model_name: str | None, checkpoint_id: str | None) -> Checkpoint:
    """What an evaluation or a synthesis uses: a checkpoint by its id, or the one a model serves.

    Until the transaction ends, it cannot be deleted.
    """
    if model_name is not None:
        checkpoint = resolve_checkpoint(session, model_name, checkpoint_id)
    else:
        checkpoint = find_checkpoint(session, checkpoint_id or "")
    ensure_model(session, checkpoint.model)
    _keep(session, checkpoint)
    return checkpoint


def _keep(session: Session, checkpoint: Checkpoint) -> None:
    """Lock the checkpoint against its removal until the transaction ends."""
    query = select(Checkpoint.number).where(Checkpoint.id == checkpoint.id)
    if session.scalar(query.with_for_update(read=True)) is None:
        raise NotFound(f"checkpoint {checkpoint.id!r} has been removed", field="checkpoint")


def has_checkpoint(session: Session, job_id: str, images_seen: int) -> bool:
    query = select(Checkpoint.number).where(
        Checkpoint.job == job_id, Checkpoint.images_seen == images_seen
    )
    return session.scalar(query) is not None


def ensure_scored(
    session: Session, claim: Claim, images_seen: int, metrics: dict[str, Any] | None
) -> bool:
    """Give a training's stored checkpoint these scores unless it has some, as the job's holder.

    Whether it has scores now.
    """
    job = hold(session, claim)
    query = select(Checkpoint).where(
        Checkpoint.job == job.id, Checkpoint.images_seen == images_seen
    )
    checkpoint = session.scalar(query.with_for_update())
    if checkpoint is not None and checkpoint.kid is None and metrics is not None:
        checkpoint.metrics, checkpoint.kid = metrics, metrics["kid"]
        checkpoint.scored_against = scored_against(session, job, metrics)
    return checkpoint is not None and checkpoint.kid is not None


def add_checkpoint(
    session: Session,
    claim: Claim,
    *,
    images_seen: int,
    key: str,
    sha256: str,
    size: int,
    metrics: dict[str, Any] | None = None,
) -> Checkpoint:
    """Register a stored checkpoint, as the holder of the job that made it.

    `metrics`: its scores as `models.scoring.scores` gives them; None where it was not scored.
    """
    job = hold(session, claim)
    checkpoint = Checkpoint(
        id=jobs.new_id(),
        model=job.model,
        job=job.id,
        images_seen=images_seen,
        config=job.config,
        metrics=metrics,
        kid=metrics["kid"] if metrics else None,
        scored_against=scored_against(session, job, metrics) if metrics else None,
        key=key,
        sha256=sha256,
        bytes=size,
    )
    session.add(checkpoint)
    session.flush()
    return checkpoint


def delete_model(session: Session, name: str) -> list[str]:
    """Forget a model and its checkpoints; the keys of what is then the caller's to delete."""
    model = find_model(session, name, lock=True)  # a job that is being asked for comes first
    checkpoints = select(Checkpoint.id).where(Checkpoint.model == name)
    used = or_(Job.model == name, Job.resume_from.in_(checkpoints), Job.checkpoint.in_(checkpoints))
    job = jobs.busy_with(session, used)
    if job is not None:
        raise Conflict(f"model {name!r} is in use by job {job.id} ({job.status}): cancel it first")
    keys = list(session.scalars(select(Checkpoint.key).where(Checkpoint.model == name)))
    session.delete(model)
    return keys
