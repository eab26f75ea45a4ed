"""Names of datasets and models, one pattern for both."""

from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError

from app.domain.errors import InvalidRequest

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}$"
NAME_RULE = "a name: 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]

_ADAPTER = TypeAdapter[str](Name)


def check_name(name: str, field: str) -> str:
    """The name itself, or InvalidRequest that says what a name is."""
    try:
        return _ADAPTER.validate_python(name)
    except ValidationError as exc:
        raise InvalidRequest(f"{field} {name[:100]!r} is not {NAME_RULE}", field=field) from exc
