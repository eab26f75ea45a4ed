"""The allowed values of a configuration's field: a number in a range, a choice, a flag, a subset.

Each class checks a value and describes itself as JSON Schema. Standard library only: the API
validates requests with it, and a training machine has no pydantic.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Protocol

MAX_SHOWN_CHARACTERS = 200  # of a wrong value in an error message


class ConfigError(ValueError):
    """A field of a configuration is invalid: names the field, its value and what is allowed."""

    def __init__(self, field: str, value: object, reason: str) -> None:
        super().__init__(f"{field} {brief(value)} {reason}")
        self.field = field
        self.value = value
        self.reason = reason


def unknown_field(name: str, value: object, known: Iterable[str]) -> ConfigError:
    """The error for a field that does not exist; it suggests the most similar known name."""
    reason = "is not a field of the configuration"
    suggestions = get_close_matches(name, known, n=1)
    if suggestions:
        reason += f": did you mean {suggestions[0]}?"
    return ConfigError(name, value, reason)


def brief(value: object) -> str:
    """A value as an error message shows it."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"


class Allowed(Protocol):
    """The allowed values of a field."""

    def check(self, name: str, value: object) -> None:
        """Raise ConfigError unless `value` is allowed for the field `name`."""

    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True, kw_only=True)
class Range:
    """The numbers from minimum to maximum, or up to (not including) exclusive_maximum."""

    kind: type[int] | type[float]
    minimum: float
    maximum: float | None = None
    exclusive_maximum: float | None = None
    null: bool = False

    def or_null(self) -> "Range":
        return replace(self, null=True)

    def check(self, name: str, value: object) -> None:
        if value is None and self.null:
            return
        if isinstance(value, bool) or not isinstance(value, int | self.kind):
            noun = "a whole number" if self.kind is int else "a number"
            raise ConfigError(name, value, f"is not {noun}")
        below = self.exclusive_maximum is None or value < self.exclusive_maximum
        within = self.maximum is None or value <= self.maximum
        if not (self.minimum <= value and below and within):  # NaN fails here too
            raise ConfigError(name, value, f"is out of range: {self}")

    def to_json(self) -> dict[str, Any]:
        kind = "integer" if self.kind is int else "number"
        schema: dict[str, Any] = {
            "type": [kind, "null"] if self.null else kind,
            "minimum": self.minimum,
        }
        if self.maximum is not None:
            schema["maximum"] = self.maximum
        if self.exclusive_maximum is not None:
            schema["exclusiveMaximum"] = self.exclusive_maximum
        return schema

    def __str__(self) -> str:
        if self.exclusive_maximum is not None:
            return f"{self.minimum} up to, not including, {self.exclusive_maximum}"
        return f"{self.minimum} to {self.maximum}"


@dataclass(frozen=True)
class Choice:
    """One of several words."""

    values: tuple[str, ...]

    def check(self, name: str, value: object) -> None:
        if value not in self.values:
            raise ConfigError(name, value, f"is not one of {', '.join(self.values)}")

    def to_json(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.values)}


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def check(self, name: str, value: object) -> None:
        if not isinstance(value, bool):
            raise ConfigError(name, value, "is neither true nor false")

    def to_json(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Subset:
    """Some of several words, separated by commas, each at most once; or "none"."""

    values: tuple[str, ...]

    def check(self, name: str, value: object) -> None:
        if value == "none":
            return
        words = value.split(",") if isinstance(value, str) else [""]
        if len(set(words)) < len(words) or not set(words) <= set(self.values):
            allowed = ", ".join(self.values)
            raise ConfigError(
                name, value, f"is neither none nor some of {allowed}, comma-separated"
            )

    def to_json(self) -> dict[str, Any]:
        word = "|".join(self.values)
        return {"type": "string", "pattern": f"^(none|({word})(,({word}))*)$"}
