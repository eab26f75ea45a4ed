"""Times as clients read them: the tables' seconds become ISO 8601 in UTC."""

from datetime import UTC, datetime
from typing import overload


@overload
def moment(seconds: float) -> datetime: ...
@overload
def moment(seconds: float | None) -> datetime | None: ...
def moment(seconds: float | None) -> datetime | None:
    """The instant that lies so many seconds after 1970, in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
