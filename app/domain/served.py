"""Which of its checkpoints a model serves, and why: the one place that decides it."""

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from app.domain.tables import Checkpoint, Model

# Of two that score the same, the one that was trained longer.
BEST_FIRST = (Checkpoint.kid, Checkpoint.number.desc())


def served_checkpoint(session: Session, model: Model) -> Checkpoint | None:
    """The one set by hand, else the best; None before the first."""
    if model.checkpoint is not None:
        return session.scalar(select(Checkpoint).where(Checkpoint.id == model.checkpoint))
    return best_checkpoint(session, model.name)


def best_checkpoint(session: Session, model: str) -> Checkpoint | None:
    """The lowest KID of the newest training that has any; before the first score, the newest.

    Another training's scores are not compared: they may be against other pictures.
    """
    best = select(Checkpoint).where(_compared(model)).order_by(*BEST_FIRST).limit(1)
    newest = select(Checkpoint).where(Checkpoint.model == model)
    newest = newest.order_by(Checkpoint.number.desc()).limit(1)
    return session.scalar(best) or session.scalar(newest)


def served_because(session: Session, model: Model, served: Checkpoint) -> str:
    """Why the model serves the checkpoint that it does, as a phrase."""
    if model.checkpoint is not None:
        return "set by hand"
    if served.kid is None:
        return "the newest: none is scored yet"
    compared = session.scalar(select(func.count()).where(_compared(model.name))) or 0
    what = f"the lowest KID of {compared} scored checkpoints" if compared > 1 else "the only score"
    interval = (served.metrics or {}).get("kid_interval")
    within = f" ({_figure(interval[0])} to {_figure(interval[1])})" if interval else ""
    return f"{what}: {_figure(served.kid)}{within}, at {served.images_seen:,} images"


def _compared(model: str) -> ColumnElement[bool]:
    """Of this model, scored, and by the training that has the newest score."""
    scored = and_(Checkpoint.model == model, Checkpoint.kid.is_not(None))
    newest = select(Checkpoint.job).where(scored).order_by(Checkpoint.number.desc()).limit(1)
    # What no job of this service trained counts as one training.
    return and_(scored, Checkpoint.job.is_not_distinct_from(newest.scalar_subquery()))


def _figure(value: float) -> str:
    return f"{value:#.2g}"
