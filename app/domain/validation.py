"""Pydantic's errors in sentences of our own: the value, what is wrong with it, what is allowed."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

SHOWN_CHARACTERS = 100
FINITE = "a finite number"
NOT_A = {
    "a whole number": ("int_type", "int_parsing", "int_from_float", "int_parsing_size"),
    "a number": ("float_type", "float_parsing", "decimal_type", "decimal_parsing"),
    FINITE: ("finite_number",),
    "true or false": ("bool_type", "bool_parsing"),
    "text": ("string_type", "string_unicode"),
    "a list": ("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"),
    "an object": ("dict_type", "mapping_type", "model_type", "model_attributes_type"),
    "null": ("none_required",),
}
KIND_OF = {error: kind for kind, errors in NOT_A.items() for error in errors}
BOUNDS = {  # the bound's name in an error's context, and the words around it
    "greater_than_equal": ("ge", "is too small: the least is {}"),
    "greater_than": ("gt", "is too small: it must be more than {}"),
    "less_than_equal": ("le", "is too large: the most is {}"),
    "less_than": ("lt", "is too large: it must be less than {}"),
    "multiple_of": ("multiple_of", "is not a multiple of {}"),
    "string_too_short": ("min_length", "is too short: the least length is {}"),
    "string_too_long": ("max_length", "is too long: the greatest length is {}"),
    "too_short": ("min_length", "is too short: the least number of items is {}"),
    "too_long": ("max_length", "is too long: the greatest number of items is {}"),
}
# Pydantic's words before its own reason, and before that of a validator of ours.
OUGHT = re.compile(r"^(?:\w+ )?[Ii]nput should ")
PREFIX = re.compile(r"^(Value error|Assertion failed), ")

Error = Mapping[str, Any]


def sentence(
    error: Error, fields: Sequence[str] = (), patterns: Mapping[str, str] | None = None
) -> str:
    """What is wrong, to stand after the field's name and a colon.

    `fields` are the known ones where a field is unknown; `patterns` says in words what some
    regular expressions allow.
    """
    if error["type"] == "extra_forbidden":
        return _unknown(str(error["loc"][-1]), fields)
    if error["type"].startswith("missing"):
        return "it is missing, and must be given"
    words = complaint(error, patterns)
    return f"{given(error.get('input'))} {words}" if words else _reason(error)


def complaint(error: Error, patterns: Mapping[str, str] | None = None) -> str:
    """What is wrong with a value, without the value: `is not a whole number`.

    Empty for the error of a validator of ours, whose message says it all.
    """
    kind, context = error["type"], error.get("ctx") or {}
    if kind in ("int_parsing_size", "float_type") and _is_whole(error.get("input")):
        return "is too large"
    if kind in KIND_OF:
        return f"is not {KIND_OF[kind]}"
    if kind in BOUNDS and _is_nan(error.get("input")):
        return f"is not {FINITE}"
    if kind in BOUNDS:
        name, words = BOUNDS[kind]
        bound = context[name]
        return words.format(f"{bound:.16g}" if isinstance(bound, float) else bound)
    if kind in ("literal_error", "enum"):
        return f"is not one of {_choices(context['expected'])}"
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        rule = (patterns or {}).get(pattern)
        return f"is not {rule}" if rule else f"does not match the pattern {pattern}"
    ought, count = OUGHT.subn("is refused: it must ", _reason(error))
    return ought if count else ""


def _reason(error: Error) -> str:
    return PREFIX.sub("", str(error["msg"]))


def _is_nan(value: object) -> bool:
    """Whether it is not a number, or text that says so. A list, perhaps of millions, is neither."""
    if isinstance(value, str):
        return value.strip().lower() == "nan"
    return value != value if isinstance(value, float) else False


def _is_whole(value: object) -> bool:
    """Whether it is a whole number, or text that is one."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, str) and value.strip().lstrip("+-").isdecimal()
    )


def setting_sentence(error: Error, settings: type[BaseModel], prefix: str) -> str:
    """The environment variable, its value, what is wrong with it and what is allowed."""
    if not error["loc"]:  # of several settings, which the message names itself
        return sentence(error)
    field = str(error["loc"][0])
    name, words = f"{prefix}{field.upper()}", complaint(error)
    if error["type"].startswith("missing"):
        return f"{name}: {sentence(error)}"
    allowed = _allowed(settings, field)
    if words and allowed and error["type"] not in BOUNDS:
        words += f" {allowed}"
    what = f"it {words}" if words else sentence(error)
    return f"{name} {given(str(error['input']))}: {what}"


def _allowed(settings: type[BaseModel], field: str) -> str:
    """`from 1 to 65535`, `of at least 1`, or nothing for what has no bounds."""
    known = settings.model_fields.get(field)
    bounds = {
        name: getattr(one, name)
        for one in (known.metadata if known else ())
        for name in ("ge", "gt", "le")
        if hasattr(one, name)
    }
    if "ge" in bounds and "le" in bounds:
        return f"from {bounds['ge']} to {bounds['le']}"
    words = {"ge": "of at least", "gt": "above", "le": "of at most"}
    return " and ".join(f"{words[name]} {value}" for name, value in bounds.items())


def given(value: object) -> str:
    """The value as a client wrote it, and not at length."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple | set | frozenset):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value)
    shown = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
    return repr(shown) if isinstance(value, str) else shown


def known_fields(annotation: Any, location: Sequence[int | str]) -> list[str]:
    """The fields, as clients write them, of the object in which `location` is a field."""
    models = set(_models(annotation))
    for part in location[:-1]:
        if not isinstance(part, int):
            models = {below for model in models for below in _below(model, part)}
    return sorted({name for model in models for name in _names(model)})


def _unknown(name: str, fields: Sequence[str]) -> str:
    like = difflib.get_close_matches(name, fields, 1)
    meant = f": did you mean {like[0]}?" if like else "."
    known = f" There are: {', '.join(fields)}." if fields else ""
    return f"there is no such field{meant}{known}".removesuffix(".")


def _choices(expected: str) -> str:
    """`'png', 'webp' or 'jpg'` as `png, webp, jpg`."""
    return ", ".join(re.findall(r"'([^']*)'", expected)) or expected


def _models(annotation: Any) -> Iterable[type[BaseModel]]:
    """Every model that a value of this type may be, or may be a list or a dict of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType, list, dict, tuple, set):
        for argument in get_args(annotation):
            yield from _models(argument)


def _names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _below(model: type[BaseModel], part: str) -> Iterable[type[BaseModel]]:
    for name, field in model.model_fields.items():
        if part in (name, field.alias):
            yield from _models(field.annotation)
