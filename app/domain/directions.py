"""Directions in the latent space of a model: saved under names, found by jobs, looked up."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import registry
from app.domain.checkpoint_files import ensure_job
from app.domain.database import Database
from app.domain.errors import LimitExceeded, NameTaken
from app.domain.job_states import JobKind
from app.domain.leases import Claim, lock_job
from app.domain.settings import Settings
from app.domain.tables import Direction, Job
from models.samples import Vector, pack_vector, unpack_vector

MAX_DIRECTIONS = 256  # of one model
TAUGHT = "taught"  # the method of a direction that examples taught


class NewDirection(NamedTuple):
    """A direction to save. `method` is ganspace, sefa or taught; `checkpoint` fitted it."""

    name: str
    method: str
    vector: Vector
    details: dict[str, Any]
    checkpoint: str


def direction_vectors(session: Session, model: str, names: Collection[str]) -> dict[str, Vector]:
    """The vectors, each of unit length, of those names that exist, in one query."""
    if not names:
        return {}
    query = select(Direction).where(Direction.model == model, Direction.name.in_(names))
    return {row.name: unpack_vector(row.vector) for row in session.scalars(query)}


def select_all(session: Session, model: str) -> Select[Direction]:
    """The query for the directions of a model. Raises NotFound."""
    registry.find_model(session, model)
    return select(Direction).where(Direction.model == model)


def find(session: Session, model: str, name: str) -> Direction:
    """Return a direction of the model. Raises NotFound, with similar names."""
    registry.find_model(session, model)
    query = select(Direction).where(Direction.model == model, Direction.name == name)
    direction = session.scalar(query)
    if direction is None:
        raise registry.unknown_name(session, Direction, model, name, "direction")
    return direction


def check_name_free(session: Session, model: str, name: str) -> None:
    """Raise Conflict if the model has a direction of this name."""
    query = select(Direction.number).where(Direction.model == model, Direction.name == name)
    if session.scalar(query) is not None:
        raise _name_taken(model, name)


def save(session: Session, model: str, direction: NewDirection) -> Direction:
    """Save a direction. Raises NotFound, Conflict if the name is in use, LimitExceeded."""
    registry.find_model(session, model, lock=True)
    check_name_free(session, model, direction.name)
    count = session.scalar(select(func.count()).where(Direction.model == model)) or 0
    if count >= MAX_DIRECTIONS:
        raise LimitExceeded(
            f"model {model!r} has {count} directions; the limit is {MAX_DIRECTIONS}: delete some "
            "first",
            field="name",
        )
    row = Direction(
        model=model,
        name=direction.name,
        method=direction.method,
        vector=pack_vector(direction.vector),
        details=direction.details,
        checkpoint=direction.checkpoint,
    )
    session.add(row)
    _flush(session, model, direction.name)
    return row


def rename(session: Session, model: str, name: str, new_name: str) -> Direction:
    """Give a direction another name. Raises NotFound, Conflict if the name is in use."""
    direction = find(session, model, name)
    if new_name != name:
        check_name_free(session, model, new_name)
        direction.name = new_name
        _flush(session, model, new_name)
    return direction


def delete(session: Session, model: str, name: str) -> None:
    session.delete(find(session, model, name))


def ensure_search(database: Database, settings: Settings, checkpoint_id: str) -> Job:
    """Return the unfinished job that finds directions of the checkpoint; queue one if there is
    none. The caller wakes the workers of its queue. Raises NotFound, QueueFull."""
    job = ensure_job(database, settings, checkpoint_id, JobKind.DIRECTIONS, lambda _: False)
    assert job is not None
    return job


def save_found(session: Session, claim: Claim, found: list[NewDirection]) -> None:
    """Save the directions that a job found, as its holder; its result lists their names.

    They replace those that earlier jobs found, except renamed ones. A name that is in use by
    another direction, and what is beyond the limit of the model, is left out.
    """
    job = lock_job(session, claim)
    assert job.model is not None
    rows = list(session.scalars(select(Direction).where(Direction.model == job.model)))
    for row in rows:
        if is_found_name(row):
            session.delete(row)
    session.flush()
    kept = [row for row in rows if not is_found_name(row)]
    names = {row.name for row in kept}
    new = [direction for direction in found if direction.name not in names]
    saved = new[: MAX_DIRECTIONS - len(kept)]
    for direction in saved:
        save(session, job.model, direction)
    job.result = {"directions": [direction.name for direction in saved]}


def found_name(rank: int) -> str:
    """The name of the found direction with the rank 1, 2, … by its effect."""
    return f"found-{rank}"


def is_found_name(direction: Direction) -> bool:
    """Whether a found direction still has the name that its job gave it."""
    return direction.method != TAUGHT and direction.name == direction.details.get("found_as")


def _flush(session: Session, model: str, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:  # a concurrent request has saved the name
        raise _name_taken(model, name) from error


def _name_taken(model: str, name: str) -> NameTaken:
    return NameTaken(
        f"model {model!r} has a direction {name!r} already: choose another name, or delete it "
        "first",
        field="name",
        value=name,
    )
