"""Directions in the latent space of a model: look-up by name."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.tables import Direction
from models.samples import Vector, unpack_vector


def direction_vectors(session: Session, model: str, names: Collection[str]) -> dict[str, Vector]:
    """The vectors, each of unit length, of those names that exist, in one query."""
    if not names:
        return {}
    query = select(Direction).where(Direction.model == model, Direction.name.in_(names))
    return {row.name: unpack_vector(row.vector) for row in session.scalars(query)}
