"""Latents saved under a name of their model: look-up, and the rule for their names."""

import re
from collections.abc import Collection, Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.tables import NamedLatent
from models.samples import Point, unpack_vector

# Not all digits, without "..", not ending in ".": in 7..white..42 each keyframe is unambiguous.
NAME_PATTERN = r"^(?!\d+$)(?!.*\.\.)[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9_-])?$"
NAME_RULE = (
    "a name: 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit, not only digits, "
    "without .. and not ending in ."
)
_name = re.compile(NAME_PATTERN, re.ASCII)


def is_name(text: str) -> bool:
    return _name.fullmatch(text) is not None


def point_of(row: NamedLatent) -> Point:
    """The seed itself, or the vector."""
    if row.latent is not None:
        return unpack_vector(row.latent)
    assert row.seed is not None
    return row.seed


def find_all(session: Session, model: str, names: Collection[str]) -> Iterator[NamedLatent]:
    """Yield those of the names that exist, in one query."""
    if names:
        query = select(NamedLatent).where(NamedLatent.model == model, NamedLatent.name.in_(names))
        yield from session.scalars(query)
