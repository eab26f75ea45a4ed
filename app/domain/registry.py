"""Models and their checkpoints: which there are, and which one is served."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.domain import jobs
from app.domain.errors import Conflict, NotFound
from app.domain.leases import Claim, hold
from app.domain.tables import Checkpoint, Job, Model


def find_model(session: Session, name: str) -> Model:
    model = session.scalar(select(Model).where(Model.name == name))
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
    query = select(Checkpoint).where(Checkpoint.model == model_name)
    if wanted is not None:
        checkpoint = session.scalar(query.where(Checkpoint.id == wanted))
        if checkpoint is None:
            raise NotFound(
                f"model {model_name!r} has no checkpoint {wanted!r}: it was never stored, or has "
                "made room for newer ones",
                field="checkpoint",
            )
        return checkpoint
    newest = session.scalar(query.order_by(Checkpoint.number.desc()).limit(1))
    if newest is None:
        raise NotFound(
            f"model {model_name!r} has no checkpoint yet: its training has not stored the first"
        )
    return newest


def served_id(session: Session, model: Model) -> str | None:
    """The id of the checkpoint that the model serves; None before its first."""
    if model.checkpoint is not None:
        return model.checkpoint
    query = select(Checkpoint.id).where(Checkpoint.model == model.name)
    return session.scalar(query.order_by(Checkpoint.number.desc()).limit(1))


def serve(session: Session, model_name: str, checkpoint_id: str | None) -> Model:
    """Serve this checkpoint from now on, or, with None, always the newest."""
    model = find_model(session, model_name)
    session.refresh(model, with_for_update=True)  # before its checkpoint, as `delete_model` does
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
        served = served_id(session, model) if model else None
        if served is None:
            why = "has no checkpoint yet" if model else "is neither a checkpoint nor a model"
            raise NotFound(f"{wanted!r} {why}: it cannot be resumed from", field="resume_from")
        checkpoint = find_checkpoint(session, served)
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


def add_checkpoint(
    session: Session,
    claim: Claim,
    *,
    images_seen: int,
    key: str,
    sha256: str,
    size: int,
) -> Checkpoint:
    """Register a stored checkpoint, as the holder of the job that made it."""
    job = hold(session, claim)
    checkpoint = Checkpoint(
        id=jobs.new_id(),
        model=job.model,
        job=job.id,
        images_seen=images_seen,
        config=job.config,
        key=key,
        sha256=sha256,
        bytes=size,
    )
    session.add(checkpoint)
    session.flush()
    return checkpoint


def delete_model(session: Session, name: str) -> list[str]:
    """Forget a model and its checkpoints; the keys of what is then the caller's to delete."""
    model = find_model(session, name)
    session.refresh(model, with_for_update=True)  # a job that is being asked for comes first
    checkpoints = select(Checkpoint.id).where(Checkpoint.model == name)
    job = jobs.busy_with(session, or_(Job.model == name, Job.resume_from.in_(checkpoints)))
    if job is not None:
        raise Conflict(f"model {name!r} is in use by job {job.id} ({job.status}): cancel it first")
    keys = list(session.scalars(select(Checkpoint.key).where(Checkpoint.model == name)))
    session.delete(model)
    return keys
