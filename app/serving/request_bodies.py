"""What every JSON body has in common: known fields alone, and mistakes that are few to tell."""

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

MAX_FIELDS = 100


def whole(given: Any) -> Any:
    """7.0 as 7, which it is to JSON Schema; all else as it is."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


WHOLE = BeforeValidator(whole)


def few_fields(given: Any) -> Any:
    """The object, of MAX_FIELDS at most; all else as it is."""
    if isinstance(given, dict) and len(given) > MAX_FIELDS:
        raise PydanticCustomError(
            "fields",
            "there are {given} fields, and never more than {most} are known",
            {"given": len(given), "most": MAX_FIELDS},
        )
    return given


class StrictBody(BaseModel):
    """Refuses fields that it does not know.

    Each of them is a mistake with a place and a sentence of its own, and a million of those take
    gigabytes: so they are counted first. For the same reason its lists are to stop at the first,
    and its dicts to be of few_fields.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, given: Any) -> Any:
        return few_fields(given)


def exactly_one(**fields: str) -> ConfigDict:
    """JSON Schema's words for it: these fields, of these types, of which one is given.

    A null is as good as none.
    """
    items: dict[str, dict[str, Any]] = {"array": {"items": {}}}
    given: Any = [
        {"required": [name], "properties": {name: {"type": kind} | items.get(kind, {})}}
        for name, kind in fields.items()
    ]
    # Not `oneOf` itself, which generators of clients take for a choice between classes.
    return ConfigDict(json_schema_extra={"if": {"oneOf": given}, "else": False})
