"""Which of its checkpoints a model serves, and why: the one place that decides it.

Scores are comparable when they were taken against the same pictures in the same shape by the same
embedding. `Checkpoint.scored_against` identifies the three; `scored_against` computes it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Subquery, and_, case, func, select
from sqlalchemy.orm import Session

from app.domain.tables import Checkpoint, Dataset, Job, Model

# Of two that score the same, the one that was trained longer.
BEST_FIRST = (Checkpoint.kid, Checkpoint.number.desc())


class Served(NamedTuple):
    """What a model serves, why as a phrase, and how many checkpoints it has."""

    checkpoint: Checkpoint
    because: str
    checkpoints: int


def served_of(session: Session, models: Sequence[Model]) -> dict[str, Served]:
    """What each model serves, by its name, with two queries; without models that have none yet.

    The checkpoint set by hand, else the best.
    """
    ranked = _ranked([model.name for model in models])
    best = func.max(case((ranked.c.place == 1, ranked.c.id)))
    trainings = case((ranked.c.compared == 1, ranked.c.job)).distinct()
    query = select(
        ranked.c.model, best, func.count(), func.sum(ranked.c.compared), func.count(trainings)
    )
    counted = {row[0]: row[1:] for row in session.execute(query.group_by(ranked.c.model))}
    ids = {name: row[0] for name, row in counted.items()}
    ids |= {model.name: model.checkpoint for model in models if model.checkpoint is not None}
    rows = session.scalars(select(Checkpoint).where(Checkpoint.id.in_(ids.values())))
    by_id = {checkpoint.id: checkpoint for checkpoint in rows}
    served = {}
    for model in models:
        checkpoint = by_id.get(ids.get(model.name, ""))
        if checkpoint is not None:
            _, total, compared, from_trainings = counted[model.name]
            because = _because(model, checkpoint, compared, from_trainings)
            served[model.name] = Served(checkpoint, because, total)
    return served


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
    ranked = _ranked([model])
    return session.scalar(
        select(Checkpoint).join(ranked, ranked.c.id == Checkpoint.id).where(ranked.c.place == 1)
    )


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


def served_because(session: Session, model: Model) -> str:
    """Why the model, which has a checkpoint, serves the one that it does, as a phrase."""
    return served_of(session, [model])[model.name].because


def _because(model: Model, served: Checkpoint, compared: int, trainings: int) -> str:
    if model.checkpoint is not None:
        return "set by hand"
    if served.kid is None:
        return "the newest: none is scored yet"
    what = f"the lowest KID of {compared} scored checkpoints" if compared > 1 else "the only KID"
    if trainings > 1:
        what += f" of {trainings} trainings on the same pictures"
    interval = (served.metrics or {}).get("kid_interval")
    within = f" ({_figure(interval[0])} to {_figure(interval[1])})" if interval else ""
    return f"{what}: {_figure(served.kid)}{within}, at {served.images_seen:,} images"


def _ranked(models: Sequence[str]) -> Subquery:
    """The checkpoints of these models: `place` 1 is the best of its model, and `compared` is 1
    where a checkpoint's score is comparable with the newest score of its model, else 0."""
    scored_first = case((Checkpoint.kid.is_not(None), 0), else_=1)
    against = func.first_value(Checkpoint.scored_against).over(
        partition_by=Checkpoint.model, order_by=(scored_first, Checkpoint.number.desc())
    )
    row = (
        select(
            *(Checkpoint.id, Checkpoint.model, Checkpoint.job, Checkpoint.number, Checkpoint.kid),
            Checkpoint.scored_against.is_not_distinct_from(against).label("alike"),
        )
        .where(Checkpoint.model.in_(models))
        .subquery()
        .c
    )
    compared = and_(row.kid.is_not(None), row.alike)
    best_first = (case((compared, 0), else_=1), case((compared, row.kid)), row.number.desc())
    place = func.row_number().over(partition_by=row.model, order_by=best_first)
    flag = case((compared, 1), else_=0).label("compared")
    return select(row.id, row.model, row.job, flag, place.label("place")).subquery()


def _figure(value: float) -> str:
    return f"{value:#.2g}"
