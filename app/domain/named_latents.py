"""Latents saved under a name of their model: look-up, saving, changes, and the rule for names."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Select, Text, cast, delete, func, select
from sqlalchemy.orm import Session

from app.domain import registry
from app.domain.errors import Conflict, NameTaken
from app.domain.tables import NamedLatent
from models.samples import Point, unpack_vector

# Not all digits, without "..", not ending in ".": in 7..white..42 each keyframe is unambiguous.
LATENT_NAME_PATTERN = r"^(?!\d+$)(?!.*\.\.)[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9_-])?$"
LATENT_NAME_RULE = (
    "a name: 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit, not only digits, "
    "without .. and not ending in ."
)
MAX_LATENTS = 10_000  # of one model
NAMES_SHOWN = 5  # in an error message

_name = re.compile(LATENT_NAME_PATTERN, re.ASCII)


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


def find(session: Session, model: str, name: str) -> NamedLatent:
    """Return a latent by its name, or raise NotFound with similar names."""
    registry.find_model(session, model)
    row = next(find_all(session, model, [name]), None)
    if row is None:
        raise registry.unknown_name(session, NamedLatent, model, name, "latent")
    return row


def select_all(session: Session, model: str, tag: str | None = None) -> Select[NamedLatent]:
    """The query for the latents of a model, or those with the tag. Raises NotFound."""
    registry.find_model(session, model)
    query = select(NamedLatent).where(NamedLatent.model == model)
    if tag is not None:  # tags are plain ASCII, so JSON stores each as it is, in quotes
        query = query.where(cast(NamedLatent.tags, Text).contains(f'"{tag}"', autoescape=True))
    return query


def save_all(
    session: Session, model: str, rows: Sequence[NamedLatent], *, replace: bool = False
) -> None:
    """Add the latents, all or none. With `replace`, they replace those with the same names.

    Raises Conflict for a name that exists, and beyond the limit of a model.
    """
    registry.find_model(session, model, lock=True)
    names = [row.name for row in rows]
    existing = sorted(row.name for row in find_all(session, model, names))
    if existing and not replace:
        raise _names_taken(model, existing, ", or give ?replace=true")
    query = select(func.count()).where(NamedLatent.model == model)
    count = (session.scalar(query) or 0) - len(existing) + len(rows)
    if count > MAX_LATENTS:
        raise Conflict(
            f"model {model!r} would have {count:,} latents; the limit is {MAX_LATENTS:,}: "
            "delete some first"
        )
    if existing:
        session.execute(
            delete(NamedLatent).where(NamedLatent.model == model, NamedLatent.name.in_(existing))
        )
    session.add_all(rows)
    session.flush()


def change(session: Session, model: str, name: str, changes: dict[str, Any]) -> NamedLatent:
    """Change name, class, note or tags of a latent. Raises NotFound, or Conflict for a name."""
    registry.find_model(session, model, lock=True)
    row = find(session, model, name)
    new_name = changes.get("name", name)
    if new_name != name and any(find_all(session, model, [new_name])):
        raise _names_taken(model, [new_name])
    for column, value in changes.items():
        setattr(row, column, value)
    session.flush()
    return row


def _names_taken(model: str, names: Sequence[str], remedy: str = "") -> NameTaken:
    shown = ", ".join(names[:NAMES_SHOWN])
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return NameTaken(
        f"model {model!r} has latents with these names already: {shown}{more}: choose other names, "
        f"or delete them first{remedy}",
        field="name",
        value=f"{shown}{more}",
    )
