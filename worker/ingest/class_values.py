"""The class that a value in a label file or in a column of labels stands for."""

import json
import re
from typing import Any

from worker.ingest.errors import NoClass

# Columns with classes, the most telling first: a name says more than a number.
LABEL_COLUMNS = (
    "class_name", "label_name", "class", "cls", "label", "category", "target", "labels", "y",
)  # fmt: skip
# Columns with the paths of pictures, the most telling first.
FILE_COLUMNS = (
    "file_name", "filename", "file", "filepath", "file_path", "path", "image_file_name",
    "image_filename", "image_file", "image_name", "image_path", "img_path", "image", "img",
    "picture", "image_id", "name", "id",
)  # fmt: skip

# The recipe of a generated image begins so: uncompressed in PNG, JPEG, WebP, AVIF and GIF alike.
RECIPE_START = b'{"model":"'
RECIPE_FIELDS = {"model", "checkpoint", "sha256", "class"}
MAX_RECIPE_BYTES = 1 << 20
STAND_IN = re.compile(r"class-\d+_*")  # a folder for a class whose name can be no folder's


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


def recipe_class(file: bytes) -> str | None:
    """The class in the recipe inside a generated image; None without a recipe or a class."""
    place = file.find(RECIPE_START)
    if place < 0:
        return None
    text = file[place : place + MAX_RECIPE_BYTES].decode("ascii", "replace")
    try:
        recipe, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    name = recipe.get("class") if recipe.keys() >= RECIPE_FIELDS else None
    return name if isinstance(name, str) else None
