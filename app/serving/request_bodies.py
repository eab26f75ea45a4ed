"""The base class of all JSON bodies: it refuses unknown fields and limits the number of errors."""

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

MAX_FIELDS = 100


def float_as_int(value: Any) -> Any:
    """7.0 as 7, which JSON Schema regards as an integer too; any other value unchanged."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


FLOAT_AS_INT = BeforeValidator(float_as_int)


def limit_fields(value: Any) -> Any:
    """The value unchanged; refuses an object of more than MAX_FIELDS."""
    if isinstance(value, dict) and len(value) > MAX_FIELDS:
        raise PydanticCustomError(
            "fields",
            "there are {given} fields, and no object has more than {most}",
            {"given": len(value), "most": MAX_FIELDS},
        )
    return value


class StrictBody(BaseModel):
    """Refuses unknown fields.

    Pydantic reports each unknown field as an error with a path and a message. A million of these
    errors take gigabytes, so the fields are counted first. For the same reason lists in a subclass
    must have `fail_fast`, and dicts must be validated by `limit_fields`.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _limit_fields(cls, value: Any) -> Any:
        return limit_fields(value)


def exactly_one_schema(**fields: str) -> ConfigDict:
    """A configuration whose JSON Schema says that exactly one of `fields` is given.

    `fields` maps names to JSON types. A null counts as not given.
    """
    items: dict[str, dict[str, Any]] = {"array": {"items": {}}}
    absent = {"type": "null"}
    alternatives: Any = [
        {
            "required": [name],
            "properties": dict.fromkeys(fields, absent)
            | {name: {"type": kind} | items.get(kind, {})},
        }
        for name, kind in fields.items()
    ]
    # Not a plain `oneOf`, which client generators take for a choice between classes. Nor `oneOf`
    # inside `if`: of five alternatives Schemathesis could generate no requests.
    return ConfigDict(json_schema_extra={"if": {"anyOf": alternatives}, "else": False})
