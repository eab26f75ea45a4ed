"""Class names from values: in label files, in label columns, and in recipes inside images."""

import json
import re
from typing import Any

from worker.ingest.errors import NoClass

# Columns that hold classes, in order of preference: a name says more than a number.
LABEL_COLUMNS = (
    "class_name", "label_name", "class", "cls", "label", "category", "target", "labels", "y",
)  # fmt: skip
# Columns that hold the paths of images, in order of preference.
FILE_COLUMNS = (
    "file_name", "filename", "file", "filepath", "file_path", "path", "image_file_name",
    "image_filename", "image_file", "image_name", "image_path", "img_path", "image", "img",
    "picture", "image_id", "name", "id",
)  # fmt: skip

# The first bytes of a recipe, uncompressed in PNG, JPEG, WebP, AVIF and GIF alike.
RECIPE_START = b'{"model":"'
RECIPE_FIELDS = {"model", "checkpoint", "sha256", "class"}
MAX_RECIPE_BYTES = 1 << 20
STAND_IN = re.compile(r"class-\d+_*")  # folder of a class whose own name cannot name a folder


def class_of(value: Any) -> str | None:
    """The name of the class, or None for the values that mean no class: null, "" and -1.

    The name of a whole number is its digits, also where it is written as a fraction (3.0).
    Raises NoClass for a value that does not name a class.
    """
    if value is None or value != value:  # null or NaN
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return None if value == -1 else str(value)
    if isinstance(value, str):
        return _class_of_text(value.strip())
    kind = "the fraction" if isinstance(value, float) else f"a {type(value).__name__},"
    raise NoClass(f"{kind} {value!r:.60} is not a class")


def _class_of_text(text: str) -> str | None:
    """Strip the zeros of a whole number, so that 3 and 3.0 are one class."""
    whole, point, zeros = text.partition(".")
    digits = whole.removeprefix("-")
    if point and digits.isdecimal() and digits.isascii() and zeros and not zeros.strip("0"):
        text = whole
    return None if text in ("", "-1") else text


def recipe_class(file: bytes) -> str | None:
    """The class in the recipe inside a generated image; None without a recipe or a class."""
    start = file.find(RECIPE_START)
    if start < 0:
        return None
    text = file[start : start + MAX_RECIPE_BYTES].decode("ascii", "replace")
    try:
        recipe, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    name = recipe.get("class") if recipe.keys() >= RECIPE_FIELDS else None
    return name if isinstance(name, str) else None
