"""Pagination, newest first: the `next` of one page is the `cursor` of the following page."""

import re
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.domain.errors import InvalidRequest

Row = TypeVar("Row")

CURSOR = re.compile("^[0-9]{1,18}$")


@dataclass(frozen=True)
class Page(Generic[Row]):
    items: list[Row]
    next: str | None


def newest_first(
    session: Session,
    query: Select[Row],
    number: InstrumentedAttribute[int],
    *,
    limit: int,
    cursor: str | None,
) -> Page[Row]:
    """Return one page of `query`, in descending order of the key `number`."""
    if cursor is not None:
        if CURSOR.fullmatch(cursor) is None:
            raise InvalidRequest(
                f"cursor {cursor[:50]!r} is not the `next` of an earlier page", field="cursor"
            )
        query = query.where(number < int(cursor))
    rows: list[Any] = list(session.scalars(query.order_by(number.desc()).limit(limit + 1)))
    next_cursor = str(getattr(rows[limit - 1], number.key)) if len(rows) > limit else None
    return Page(rows[:limit], next_cursor)
