"""Field types that several resources share: names, checkpoint ids and times."""

from datetime import UTC, datetime
from typing import Annotated, overload

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from app.domain.errors import InvalidRequest
from app.domain.validation import NAME_PATTERN, NAME_RULE

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]  # of a dataset or a model
CheckpointId = Annotated[str, Field(min_length=1, max_length=64)]

_NAME_ADAPTER = TypeAdapter[str](Name)


def check_name(name: str, field: str) -> str:
    """Return the name, or raise InvalidRequest with the rule for names."""
    try:
        return _NAME_ADAPTER.validate_python(name)
    except ValidationError as exc:
        raise InvalidRequest(f"{field} {name[:100]!r} is not {NAME_RULE}", field=field) from exc


@overload
def to_datetime(seconds: float) -> datetime: ...
@overload
def to_datetime(seconds: float | None) -> datetime | None: ...
def to_datetime(seconds: float | None) -> datetime | None:
    """Convert seconds since 1970, as the tables store them, to a time in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
