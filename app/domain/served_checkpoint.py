"""The choice of the checkpoint that a model serves, and the reason for it.

Scores are comparable if they were computed against the same pictures, in the same shape, with the
same embedding. `Checkpoint.scored_against` identifies the three; `scored_against` computes it.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel
from sqlalchemy import Subquery, and_, case, func, select
from sqlalchemy.orm import Session

from app.domain.tables import Checkpoint, Dataset, Job, Model

# Among equal scores, the checkpoint that was trained longer comes first.
BEST_FIRST = (Checkpoint.kid, Checkpoint.number.desc())


ServedKind = Literal["set_by_hand", "newest", "newest_imported", "lowest_kid"]


class ServedReason(BaseModel):
    """Why a checkpoint is served: it was set by hand, is the newest, or has the lowest KID.

    `newest_imported`: it has scores, which were computed elsewhere.

    `low` and `high` are the ends of the interval of its KID. `compared` checkpoints of `trainings`
    trainings have comparable scores, the served one included; both are 0 without scores.
    """

    kind: ServedKind
    images_seen: int
    kid: float | None
    low: float | None
    high: float | None
    compared: int
    trainings: int

    def phrase(self) -> str:
        if self.kind == "set_by_hand":
            return "set by hand"
        if self.kind == "newest_imported":
            return "the newest; none is scored here yet, and its own scores were computed elsewhere"
        if self.kid is None:
            return "the newest: none is scored yet"
        choice = "the only KID"
        if self.compared > 1:
            choice = f"the lowest KID of {self.compared} scored checkpoints"
        if self.trainings > 1:
            choice += f" of {self.trainings} trainings on the same pictures"
        within = ""
        if self.low is not None and self.high is not None:
            within = f" ({_figure(self.low)} to {_figure(self.high)})"
        return f"{choice}: {_figure(self.kid)}{within}, at {self.images_seen:,} images"


class ServedChoice(NamedTuple):
    """The checkpoint that a model serves, the reason for it, and the number of checkpoints."""

    checkpoint: Checkpoint
    reason: ServedReason
    checkpoints: int


def served_by_model(session: Session, models: Sequence[Model]) -> dict[str, ServedChoice]:
    """Map each model's name to what it serves: the checkpoint set by hand, else the best one.

    Takes two queries. Models without a checkpoint are left out.
    """
    ranked = _ranked([model.name for model in models])
    best = func.max(case((ranked.c.rank == 1, ranked.c.id)))
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
            reason = _reason(model, checkpoint, compared, from_trainings)
            served[model.name] = ServedChoice(checkpoint, reason, total)
    return served


def served_checkpoint(session: Session, model: Model) -> Checkpoint | None:
    """Return the checkpoint set by hand, else the best one, else None."""
    if model.checkpoint is not None:
        return session.scalar(select(Checkpoint).where(Checkpoint.id == model.checkpoint))
    return best_checkpoint(session, model.name)


def best_checkpoint(session: Session, model: str) -> Checkpoint | None:
    """Return the checkpoint with the lowest KID; without scores, the newest one.

    Only scores that are comparable with the newest score count. Trainings on the same dataset
    compete, so that a short retraining does not replace a better checkpoint. A training on other
    pictures takes over with its first score.
    """
    ranked = _ranked([model])
    return session.scalar(
        select(Checkpoint).join(ranked, ranked.c.id == Checkpoint.id).where(ranked.c.rank == 1)
    )


def scored_against(session: Session, job: Job, metrics: dict[str, Any]) -> str:
    """Return the identifier that is equal for comparable scores, for a checkpoint of `job`.

    The content hash of a dataset covers its shape. If the dataset is unknown, only scores of the
    same job are comparable.
    """
    content_hash = session.scalar(select(Dataset.content_hash).where(Dataset.name == job.dataset))
    return f"{content_hash or job.id} {metrics.get('embedding', '')}"


def comparable_with(served: Checkpoint, dataset: Dataset) -> bool:
    """Whether scores against `dataset` are comparable with those of the served checkpoint."""
    against = (served.scored_against or "").partition(" ")[0]
    return against != "" and against == dataset.content_hash


def served_reason(session: Session, model: Model) -> ServedReason:
    """Return why a model that has checkpoints serves the one that it serves."""
    return served_by_model(session, [model])[model.name].reason


def _reason(model: Model, served: Checkpoint, compared: int, trainings: int) -> ServedReason:
    kind: ServedKind = "lowest_kid"
    if model.checkpoint is not None:
        kind = "set_by_hand"
    elif served.kid is None:
        came_with_scores = (served.imported or {}).get("metrics") is not None
        kind = "newest_imported" if came_with_scores else "newest"
    low, high = (served.metrics or {}).get("kid_interval") or (None, None)
    return ServedReason(
        kind=kind,
        images_seen=served.images_seen,
        kid=served.kid,
        low=low,
        high=high,
        compared=compared or 0,
        trainings=trainings or 0,
    )


def _ranked(models: Sequence[str]) -> Subquery:
    """The checkpoints of these models. `rank` 1 is the best of its model. `compared` is 1 if a
    checkpoint's score is comparable with the newest score of its model, else 0."""
    scored_first = case((Checkpoint.kid.is_not(None), 0), else_=1)
    against = func.first_value(Checkpoint.scored_against).over(
        partition_by=Checkpoint.model, order_by=(scored_first, Checkpoint.number.desc())
    )
    row = (
        select(
            *(Checkpoint.id, Checkpoint.model, Checkpoint.job, Checkpoint.number, Checkpoint.kid),
            Checkpoint.scored_against.is_not_distinct_from(against).label("comparable"),
        )
        .where(Checkpoint.model.in_(models))
        .subquery()
        .c
    )
    compared = and_(row.kid.is_not(None), row.comparable)
    best_first = (case((compared, 0), else_=1), case((compared, row.kid)), row.number.desc())
    rank = func.row_number().over(partition_by=row.model, order_by=best_first)
    flag = case((compared, 1), else_=0).label("compared")
    return select(row.id, row.model, row.job, flag, rank.label("rank")).subquery()


def _figure(value: float) -> str:
    return f"{value:#.2g}".rstrip(".")
