"""Which of its checkpoints a model serves, and why: the one place that decides it.

Scores are comparable when they were taken against the same pictures in the same shape by the same
embedding. `Checkpoint.scored_against` identifies the three; `scored_against` computes it.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from app.domain.tables import Checkpoint, Dataset, Job, Model

# Of two that score the same, the one that was trained longer.
BEST_FIRST = (Checkpoint.kid, Checkpoint.number.desc())


def served_checkpoint(session: Session, model: Model) -> Checkpoint | None:
    """The one set by hand, else the best; None before the first."""
    if model.checkpoint is not None:
        return session.scalar(select(Checkpoint).where(Checkpoint.id == model.checkpoint))
    return best_checkpoint(session, model.name)


def best_checkpoint(session: Session, model: str) -> Checkpoint | None:
    """The lowest KID among the scores comparable with the newest; without any, the newest.

    Trainings on the same dataset compete with each other, so that a short retraining does not
    replace a better checkpoint. A training on other pictures takes over with its first score.
    """
    best = select(Checkpoint).where(_compared(model)).order_by(*BEST_FIRST).limit(1)
    newest = select(Checkpoint).where(Checkpoint.model == model)
    newest = newest.order_by(Checkpoint.number.desc()).limit(1)
    return session.scalar(best) or session.scalar(newest)


def scored_against(session: Session, job: Job, metrics: dict[str, Any]) -> str:
    """Identifies what the scores of a checkpoint of `job` may be compared with.

    The content hash of a dataset covers its shape. Where the dataset is unknown, only the scores
    of the same job are comparable.
    """
    content_hash = session.scalar(select(Dataset.content_hash).where(Dataset.name == job.dataset))
    return f"{content_hash or job.id} {metrics.get('embedding', '')}"


def comparable_with(served: Checkpoint, dataset: Dataset) -> bool:
    """Whether scores against `dataset` may be compared with those of the served checkpoint."""
    against = (served.scored_against or "").partition(" ")[0]
    return against != "" and against == dataset.content_hash


def served_because(session: Session, model: Model, served: Checkpoint) -> str:
    """Why the model serves the checkpoint that it does, as a phrase."""
    if model.checkpoint is not None:
        return "set by hand"
    if served.kid is None:
        return "the newest: none is scored yet"
    count = select(func.count(), func.count(Checkpoint.job.distinct()))
    compared, trainings = session.execute(count.where(_compared(model.name))).one()
    what = f"the lowest KID of {compared} scored checkpoints" if compared > 1 else "the only score"
    if trainings > 1:
        what += f" of {trainings} trainings on the same pictures"
    interval = (served.metrics or {}).get("kid_interval")
    within = f" ({_figure(interval[0])} to {_figure(interval[1])})" if interval else ""
    return f"{what}: {_figure(served.kid)}{within}, at {served.images_seen:,} images"


def _compared(model: str) -> ColumnElement[bool]:
    """The scored checkpoints of this model that are comparable with the newest scored one."""
    scored = and_(Checkpoint.model == model, Checkpoint.kid.is_not(None))
    newest = select(Checkpoint.scored_against).where(scored)
    newest = newest.order_by(Checkpoint.number.desc()).limit(1)
    return and_(scored, Checkpoint.scored_against.is_not_distinct_from(newest.scalar_subquery()))


def _figure(value: float) -> str:
    return f"{value:#.2g}"
