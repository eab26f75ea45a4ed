"""Pydantic's errors as sentences: the value, what is wrong with it, and what is allowed."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}$"  # of datasets, models and directions, and of tags
NAME_RULE = "a name: 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit"
SHOWN_CHARACTERS = 100
FINITE_NUMBER = "a finite number"
TYPE_ERRORS = {
    "a whole number": ("int_type", "int_parsing", "int_from_float", "int_parsing_size"),
    "a number": ("float_type", "float_parsing", "decimal_type", "decimal_parsing"),
    FINITE_NUMBER: ("finite_number",),
    "true or false": ("bool_type", "bool_parsing"),
    "text": ("string_type", "string_unicode"),
    "a list": ("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"),
    "an object": ("dict_type", "mapping_type", "model_type", "model_attributes_type"),
    "null": ("none_required",),
}
EXPECTED_TYPE = {error: kind for kind, errors in TYPE_ERRORS.items() for error in errors}
BOUNDS = {  # error type -> the bound's name in the error's context, and its wording
    "greater_than_equal": ("ge", "is too small: the minimum is {}"),
    "greater_than": ("gt", "is too small: it must be more than {}"),
    "less_than_equal": ("le", "is too large: the maximum is {}"),
    "less_than": ("lt", "is too large: it must be less than {}"),
    "multiple_of": ("multiple_of", "is not a multiple of {}"),
    "string_too_short": ("min_length", "is too short: the minimum length is {}"),
    "string_too_long": ("max_length", "is too long: the maximum length is {}"),
    "too_short": ("min_length", "is too short: the minimum number of items is {}"),
    "too_long": ("max_length", "is too long: the maximum number of items is {}"),
}
# How pydantic begins the reason of its own errors, and of errors that our validators raise.
SHOULD = re.compile(r"^(?:\w+ )?[Ii]nput should ")
PREFIX = re.compile(r"^(Value error|Assertion failed), ")

Error = Mapping[str, Any]


def explain_error(
    error: Error, fields: Sequence[str] = (), patterns: Mapping[str, str] | None = None
) -> str:
    """Describe an error. The text follows the field's name and a colon.

    `fields` are the known fields, which the text lists if the error is an unknown field. `patterns`
    maps regular expressions to descriptions of what they match.
    """
    if error["type"] == "extra_forbidden":
        return _unknown_field(str(error["loc"][-1]), fields)
    if error["type"].startswith("missing"):
        return "it is missing, and must be given"
    words = explain_problem(error, patterns)
    return f"{show_value(error.get('input'))} {words}" if words else _reason(error)


def explain_problem(error: Error, patterns: Mapping[str, str] | None = None) -> str:
    """Describe what is wrong with a value, without the value: `is not a whole number`.

    Returns "" for an error of our own validators, whose messages are complete.
    """
    kind, context = error["type"], error.get("ctx") or {}
    if kind in ("int_parsing_size", "float_type") and _is_whole_number(error.get("input")):
        return "is too large"
    if kind in EXPECTED_TYPE:
        return f"is not {EXPECTED_TYPE[kind]}"
    if kind in BOUNDS and _is_nan(error.get("input")):
        return f"is not {FINITE_NUMBER}"
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
    problem, count = SHOULD.subn("is refused: it must ", _reason(error))
    return problem if count else ""


def _reason(error: Error) -> str:
    return PREFIX.sub("", str(error["msg"]))


def _is_nan(value: object) -> bool:
    """Whether the value is NaN, or the text for it. A long list costs nothing."""
    if isinstance(value, str):
        return value.strip().lower() == "nan"
    return value != value if isinstance(value, float) else False


def _is_whole_number(value: object) -> bool:
    """Whether the value is a whole number, or text for one."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, str) and value.strip().lstrip("+-").isdecimal()
    )


def explain_setting_error(error: Error, settings: type[BaseModel], prefix: str) -> str:
    """Describe an invalid setting: the environment variable, its value, the error, the bounds.

    The value of a setting with `repr=False` is a secret, which is left out.
    """
    if not error["loc"]:  # it is about several settings, which its message names
        return explain_error(error)
    field = str(error["loc"][0])
    name, words = f"{prefix}{field.upper()}", explain_problem(error)
    if error["type"].startswith("missing"):
        return f"{name}: {explain_error(error)}"
    allowed = _allowed(settings, field)
    if words and allowed and error["type"] not in BOUNDS:
        words += f" {allowed}"
    problem = f"it {words}" if words else explain_error(error)
    info = settings.model_fields.get(field)
    if info is not None and not info.repr:
        return f"{name}: {problem}"
    return f"{name} {show_value(str(error['input']))}: {problem}"


def _allowed(settings: type[BaseModel], field: str) -> str:
    """Return `from 1 to 65535` or `of at least 1`; "" for a setting without bounds."""
    info = settings.model_fields.get(field)
    bounds = {
        name: getattr(constraint, name)
        for constraint in (info.metadata if info else ())
        for name in ("ge", "gt", "le")
        if hasattr(constraint, name)
    }
    if "ge" in bounds and "le" in bounds:
        return f"from {bounds['ge']} to {bounds['le']}"
    words = {"ge": "of at least", "gt": "above", "le": "of at most"}
    return " and ".join(f"{words[name]} {value}" for name, value in bounds.items())


def show_value(value: object) -> str:
    """Format a value as the client wrote it, truncated."""
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
    """Return the field names, as clients write them, of the object that contains `location`."""
    models = set(_models(annotation))
    for part in location[:-1]:
        if not isinstance(part, int):
            models = {nested for model in models for nested in _nested_models(model, part)}
    return sorted({name for model in models for name in _field_names(model)})


def suggest(name: str, names: Iterable[str], most: int = 3) -> str:
    """Return `: did you mean white or white-2?`, or "" if no name is similar."""
    similar = difflib.get_close_matches(name, list(names), most)
    return f": did you mean {' or '.join(similar)}?" if similar else ""


def _unknown_field(name: str, fields: Sequence[str]) -> str:
    suggestion = suggest(name, fields, 1) or "."
    known = f" The fields are: {', '.join(fields)}." if fields else ""
    return f"there is no such field{suggestion}{known}".removesuffix(".")


def _choices(expected: str) -> str:
    """Turn `'png', 'webp' or 'jpg'` into `png, webp, jpg`."""
    return ", ".join(re.findall(r"'([^']*)'", expected)) or expected


def _models(annotation: Any) -> Iterable[type[BaseModel]]:
    """Yield every model in the annotation, also within unions, lists and dicts."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType, list, dict, tuple, set):
        for argument in get_args(annotation):
            yield from _models(argument)


def _field_names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _nested_models(model: type[BaseModel], part: str) -> Iterable[type[BaseModel]]:
    for name, field in model.model_fields.items():
        if part in (name, field.alias):
            yield from _models(field.annotation)
