"""Models and their checkpoints: look-up, registration, renaming and deletion."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import jobs
from app.domain.errors import InUse, ModelRenamed, NameTaken, NotFound
from app.domain.job_states import DERIVING, Stop
from app.domain.leases import Claim, lock_job
from app.domain.queue_order import hold_order
from app.domain.served_checkpoint import best_checkpoint, scored_against, served_checkpoint
from app.domain.tables import (
    Checkpoint,
    CheckpointFile,
    Direction,
    FormerName,
    Job,
    Model,
    NamedLatent,
)
from app.domain.validation import suggest

NAMES_COMPARED = 1_000  # for the suggestion in an error message


def find_model(session: Session, name: str, *, lock: bool = False) -> Model:
    """Return a model. A locked one cannot be changed or deleted until the transaction ends."""
    query = select(Model).where(Model.name == name)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    model = session.scalar(query)
    if model is None:
        raise _no_model(session, name)
    return model


def _no_model(session: Session, name: str) -> NotFound:
    new_name = session.scalar(select(FormerName.model).where(FormerName.name == name))
    if new_name is not None:
        return ModelRenamed(name, new_name)
    return NotFound(f"there is no model {name!r}", field="model")


def former_names(session: Session, models: Sequence[Model]) -> dict[str, list[str]]:
    """Map the name of each model that was renamed to the names that it had."""
    names = dict[str, list[str]]()
    renamed = FormerName.model.in_([model.name for model in models])
    for former in session.scalars(select(FormerName).where(renamed).order_by(FormerName.name)):
        names.setdefault(former.model, []).append(former.name)
    return names


def add_model(session: Session, name: str) -> Model:
    """Create a model. It takes its name from the model that had it before, if one did."""
    session.execute(delete(FormerName).where(FormerName.name == name))
    model = Model(name=name)
    session.add(model)
    session.flush()
    return model


def unknown_name(
    session: Session, table: type[NamedLatent] | type[Direction], model: str, name: str, field: str
) -> NotFound:
    """The error for a latent or a direction that the model does not have, with similar names."""
    query = select(table.name).where(table.model == model)
    names = session.scalars(query.order_by(table.number.desc()).limit(NAMES_COMPARED))
    plural = table.__tablename__
    hint = suggest(name, names) or f": GET /v1/models/{model}/{plural} lists its {plural}"
    detail = f"model {model!r} has no {plural.removesuffix('s')} {name[:100]!r}{hint}"
    return NotFound(detail, field=field)


def hold_model(session: Session, name: str) -> None:
    """Keep the model from being deleted or renamed until the transaction ends."""
    query = select(Model.number).where(Model.name == name).with_for_update(read=True)
    if session.scalar(query) is None:
        raise NotFound(f"model {name!r} has been deleted or renamed", field="model")


def ensure_model(session: Session, name: str) -> None:
    """Create the model unless it exists. It cannot be deleted until the transaction ends."""
    query = select(Model.number).where(Model.name == name).with_for_update(read=True)
    if session.scalar(query) is None:
        add_model(session, name)


def resolve_checkpoint(
    session: Session, model_name: str, checkpoint_id: str | None = None
) -> Checkpoint:
    """Return the named checkpoint of the model, or the one that the model serves."""
    model = find_model(session, model_name)
    chosen = checkpoint_id or model.checkpoint
    if chosen is not None:
        query = select(Checkpoint).where(Checkpoint.model == model_name, Checkpoint.id == chosen)
        checkpoint = session.scalar(query)
        if checkpoint is None:
            raise NotFound(
                f"model {model_name!r} has no checkpoint {chosen!r}: it was never stored, or was "
                "deleted to make room for newer ones",
                field="checkpoint",
            )
        return checkpoint
    best = best_checkpoint(session, model_name)
    if best is None:
        raise NotFound(
            f"model {model_name!r} has no checkpoint yet: its training has not stored the first one"
        )
    return best


def set_served(session: Session, model_name: str, checkpoint_id: str | None) -> Model:
    """Serve this checkpoint from now on; with None, always the best one."""
    model = find_model(session, model_name, lock=True)  # locked in the order that deletion uses
    if checkpoint_id is not None:
        _lock(session, resolve_checkpoint(session, model_name, checkpoint_id))
    model.checkpoint = checkpoint_id
    return model


def find_checkpoint(session: Session, checkpoint_id: str) -> Checkpoint:
    checkpoint = session.scalar(select(Checkpoint).where(Checkpoint.id == checkpoint_id))
    if checkpoint is None:
        raise NotFound(f"there is no checkpoint {checkpoint_id!r}", field="checkpoint")
    return checkpoint


def find_recorded(session: Session, checkpoint_id: str, sha256: str) -> Checkpoint:
    """Return the checkpoint that a recipe records, whatever its model is called now.

    It is looked up by its id, or else by the SHA-256 of its weights: an imported copy has another
    id. Raises NotFound.
    """
    of_id = select(Checkpoint).where(Checkpoint.id == checkpoint_id)
    of_weights = select(Checkpoint).where(Checkpoint.sha256 == sha256)
    newest = of_weights.order_by(Checkpoint.number.desc()).limit(1)
    checkpoint = session.scalar(of_id) or session.scalar(newest)
    if checkpoint is None:
        raise NotFound(
            f"the checkpoint of this recipe is not here, neither by its id {checkpoint_id!r} nor "
            f"by its sha256 {sha256[:64]!r}: it was deleted, or is on another service; import it "
            "from there to verify its files here",
            field="checkpoint",
        )
    return checkpoint


def models_of(session: Session, checkpoint_ids: Sequence[str]) -> dict[str, str]:
    """Map the ids of checkpoints, except deleted ones, to the names of their models."""
    query = select(Checkpoint.id, Checkpoint.model).where(Checkpoint.id.in_(checkpoint_ids))
    return {row.id: row.model for row in session.execute(query)}


def lock_row(session: Session, checkpoint_id: str) -> Checkpoint:
    """Return the checkpoint as it is now, locked for a change. Raises NotFound."""
    query = select(Checkpoint).where(Checkpoint.id == checkpoint_id).with_for_update()
    checkpoint = session.scalar(query.execution_options(populate_existing=True))
    return checkpoint or find_checkpoint(session, checkpoint_id)  # raises NotFound


def lock_start(session: Session, name: str) -> Checkpoint:
    """Return the checkpoint that a fine-tuning starts from, by its id or its model's name.

    It cannot be deleted until the transaction ends.
    """
    checkpoint = session.scalar(select(Checkpoint).where(Checkpoint.id == name))
    if checkpoint is None:
        model = session.scalar(select(Model).where(Model.name == name))
        checkpoint = served_checkpoint(session, model) if model else None
        if checkpoint is None:
            missing = _no_model(session, name)
            if isinstance(missing, ModelRenamed):
                raise missing
            reason = "has no checkpoint yet" if model else "is neither a checkpoint nor a model"
            raise NotFound(f"{name!r} {reason}: it cannot be resumed from", field="resume_from")
    hold_model(session, checkpoint.model)
    _lock(session, checkpoint)
    return checkpoint


def lock_checkpoint(
    session: Session, model_name: str | None, checkpoint_id: str | None
) -> Checkpoint:
    """Return a checkpoint by its id, or the one that the model serves, for a job to use.

    It cannot be deleted until the transaction ends.
    """
    if model_name is not None:
        checkpoint = resolve_checkpoint(session, model_name, checkpoint_id)
    else:
        checkpoint = find_checkpoint(session, checkpoint_id or "")
    hold_model(session, checkpoint.model)
    _lock(session, checkpoint)
    return checkpoint


def _lock(session: Session, checkpoint: Checkpoint) -> None:
    """Keep the checkpoint from being deleted until the transaction ends."""
    query = select(Checkpoint.number).where(Checkpoint.id == checkpoint.id)
    if session.scalar(query.with_for_update(read=True)) is None:
        raise NotFound(f"checkpoint {checkpoint.id!r} has been deleted", field="checkpoint")


def has_checkpoint(session: Session, job_id: str, images_seen: int) -> bool:
    query = select(Checkpoint.number).where(
        Checkpoint.job == job_id, Checkpoint.images_seen == images_seen
    )
    return session.scalar(query) is not None


def ensure_scored(
    session: Session, claim: Claim, images_seen: int, metrics: dict[str, Any] | None
) -> bool:
    """Add scores to a checkpoint that has none, as the holder of its training.

    Returns whether the checkpoint has scores now.
    """
    job = lock_job(session, claim)
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
    onnx_sha256: str | None = None,
    onnx_bytes: int | None = None,
    metrics: dict[str, Any] | None = None,
) -> Checkpoint:
    """Register a stored checkpoint, as the holder of the job that wrote it.

    `metrics` are the scores that `models.scoring.scores` returns, None without scores.
    """
    job = lock_job(session, claim)
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
        onnx_sha256=onnx_sha256,
        onnx_bytes=onnx_bytes,
    )
    session.add(checkpoint)
    session.flush()
    return checkpoint


def rename_model(session: Session, name: str, new_name: str) -> Model:
    """Give a model, its checkpoints, latents, directions and ended jobs another name. Its old name
    leads to the new one until another model takes it.

    Raises Conflict if the new name is in use, or if a job uses the model: its worker knows the old
    name.
    """
    model = find_model(session, name, lock=True)  # waits for a job that is being created
    if new_name == name:
        return model
    taken = select(Model.number).where(Model.name == new_name)
    made = jobs.find_unfinished(session, Job.model == new_name)
    if made is not None or session.scalar(taken) is not None:
        reason = f"job {made.id} is making it" if made else "choose another name, or delete it"
        raise _name_taken(new_name, reason)
    job = jobs.find_unfinished(session, _uses(name))
    if job is not None:
        raise InUse(
            f"model {name!r} is in use by job {job.id} ({job.status}): cancel it first, or rename "
            "the model when it has ended"
        )
    try:
        renamed = add_model(session, new_name)
    except IntegrityError as exc:  # another request has taken the name since
        raise _name_taken(new_name, "choose another name, or delete it") from exc
    renamed.checkpoint, renamed.created_at = model.checkpoint, model.created_at
    session.add(FormerName(name=name, model=new_name))
    for table in (Checkpoint, NamedLatent, Direction, Job, FormerName):
        session.execute(update(table).where(table.model == name).values(model=new_name))
    number = model.number
    session.delete(model)  # nothing refers to it any more
    session.flush()
    renamed.number = number  # its place in the list
    session.flush()
    return renamed


def _name_taken(name: str, reason: str) -> NameTaken:
    return NameTaken(f"there is a model {name!r} already: {reason}", field="name", value=name)


def _uses(name: str) -> ColumnElement[bool]:
    """The condition that a job uses the model of this name, or one of its checkpoints."""
    checkpoints = select(Checkpoint.id).where(Checkpoint.model == name)
    return or_(Job.model == name, Job.resume_from.in_(checkpoints), Job.checkpoint.in_(checkpoints))


def delete_model(session: Session, name: str) -> list[str]:
    """Delete the rows of a model and its checkpoints.

    Unfinished jobs that compute files of the checkpoints are cancelled. Any other job that uses
    the model raises Conflict. Returns the keys of their objects, which the caller deletes.
    """
    model = find_model(session, name, lock=True)  # waits for a job that is being created
    used = _uses(name)
    job = jobs.find_unfinished(session, used & Job.kind.not_in(DERIVING))
    if job is not None:
        raise InUse(f"model {name!r} is in use by job {job.id} ({job.status}): cancel it first")
    for queue in session.scalars(select(Job.queue).where(used).distinct().order_by(Job.queue)):
        hold_order(session, queue)  # a move locks several jobs of its queue, as this does
    while (job := jobs.find_unfinished(session, used & Job.stop_requested.is_(None))) is not None:
        jobs.request_stop(session, job.id, Stop.CANCEL)
    deleted = session.scalars(select(Checkpoint).where(Checkpoint.model == name)).all()
    keys = [key for checkpoint in deleted for key in checkpoint.objects]
    session.delete(model)
    return keys


def stored_bytes(session: Session, models: Sequence[Model]) -> dict[str, int]:
    """Map the name of each model that has checkpoints to the bytes of all their files."""
    files = (
        select(func.coalesce(func.sum(CheckpointFile.bytes), 0))
        .where(CheckpointFile.checkpoint == Checkpoint.id)
        .correlate(Checkpoint)
        .scalar_subquery()
    )
    size = Checkpoint.bytes + func.coalesce(Checkpoint.onnx_bytes, 0) + files
    query = (
        select(Checkpoint.model, func.sum(size))
        .where(Checkpoint.model.in_([model.name for model in models]))
        .group_by(Checkpoint.model)
    )
    return {name: int(total) for name, total in session.execute(query)}
