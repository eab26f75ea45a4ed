"""The class that a value in a label file or in a column of labels stands for."""

from typing import Any

# Columns with classes, the most telling first: a name says more than a number.
LABEL_COLUMNS = (
    "class_name", "label_name", "class", "cls", "label", "category", "target", "labels", "y",
)  # fmt: skip


class NoClass(ValueError):
    """A value that is no class, such as a fraction or a list."""


def class_of(value: Any) -> str | None:
    """The class's name, or None where the value says that there is none: null, "" or -1.

    Whole numbers are named by their digits, also where they are written as fractions (3.0).
    Raises NoClass for what is no class.
    """
    if value is None or value != value:  # null, or not a number
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return None if value == -1 else str(value)
    if isinstance(value, str):
        return _named(value.strip())
    kind = "the fraction" if isinstance(value, float) else f"a {type(value).__name__},"
    raise NoClass(f"{kind} {value!r:.60} is no class")


def _named(text: str) -> str | None:
    """Numbers in text are written as numbers are, so that 3 and 3.0 are one class."""
    whole, point, zeros = text.partition(".")
    digits = whole.removeprefix("-")
    if point and digits.isdecimal() and digits.isascii() and zeros and not zeros.strip("0"):
        text = whole
    return None if text in ("", "-1") else text
