"""The classes of the packed images: their names in order, and the label of each image."""

import itertools
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterator
from math import inf

import numpy as np
from numpy.typing import NDArray

from models.config import MAX_CLASSES
from worker.ingest.archives.names import display_name
from worker.ingest.notes import Note

MAX_DIGITS = 15
NO_CLASS = -1
NAMES_LISTED = 5


class Labels:
    """Collects the class of each image in turn.

    The raw name identifies a class: two raw names with one display name are two classes, and
    numbers tell their display names apart. Only names that are equivalent in Unicode (NFC) are one
    class, such as "é" as one character and as the two that macOS writes.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # by every spelling, in order of appearance
        self._equivalents: dict[str, int] = {}  # by NFC
        self._classes = array("q")

    def __len__(self) -> int:
        return len(self._classes)

    def add(self, class_name: str | None) -> None:
        self._classes.append(self._number(class_name))

    def fill(self, index: int, class_name: str | None) -> bool:
        """Set the class of an image that has none. Return False if it has another class."""
        number = self._number(class_name)
        if self._classes[index] == NO_CLASS:
            self._classes[index] = number
        return number in (NO_CLASS, self._classes[index])

    def assign(self, index: int, class_name: str | None) -> None:
        """Replace the class of an image."""
        self._classes[index] = self._number(class_name)

    def has_class(self, index: int) -> bool:
        return self._classes[index] != NO_CLASS

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop the images that are not kept, and the classes that no kept image has."""
        self._classes = array("q", self._array()[kept].tobytes())

    def unclassified(self) -> NDArray[np.bool_]:
        """(N,) whether each image has no class; all False where there are not two classes."""
        numbers = self._array()
        without = numbers == NO_CLASS
        return without if len(np.unique(numbers[~without])) > 1 else np.zeros(len(numbers), bool)

    @property
    def classes_in_use(self) -> int:
        """The number of classes that images have."""
        return len(self._in_use())

    def numbered(self) -> tuple[list[str] | None, NDArray[np.int64] | None]:
        """(names in order, (N,) int64 labels). Both are None unless every image has a class, and
        there are at least two and at most as many as a model can have."""
        numbers = self._array()
        in_use = set(np.unique(numbers).tolist())
        if NO_CLASS in in_use or not 2 <= len(in_use) <= MAX_CLASSES:
            return None, None
        used = [name for name, number in self._equivalents.items() if number in in_use]
        ordered = sorted((*_sort_key(display_name(name)), name) for name in used)
        label_of = np.empty(len(self._equivalents), np.int64)
        for label, (*_, name) in enumerate(ordered):
            label_of[self._equivalents[name]] = label
        return _distinct([display_name(name) for *_, name in ordered]), label_of[numbers]

    def notes(self) -> Iterator[Note]:
        """Notes about the classes for the report."""
        in_use = self._in_use()
        if len(in_use) > MAX_CLASSES:
            yield Note(
                f"The pictures are in {len(in_use):,} classes; a model can have {MAX_CLASSES:,} at "
                "most, so the dataset has none. Put the pictures into fewer folders for fewer "
                "classes.",
                "too_many_classes",
                {"classes": len(in_use), "max_classes": MAX_CLASSES},
            )
            return
        spellings = Counter(number for number in self._numbers.values() if number in in_use)
        respelt = [
            display_name(name)
            for name, number in self._equivalents.items()
            if spellings[number] > 1
        ]
        if respelt:
            yield Note(
                f"{len(respelt):,} classes have names in several equivalent spellings (NFC and "
                f"NFD), and each is one class: {list_names(respelt)}.",
                "respelt_classes",
                {"classes": len(respelt), "names": respelt[:NAMES_LISTED]},
            )

    def _number(self, class_name: str | None) -> int:
        if class_name is None:
            return NO_CLASS
        number = self._numbers.get(class_name)
        if number is None:
            composed = unicodedata.normalize("NFC", class_name)
            number = self._equivalents.setdefault(composed, len(self._equivalents))
            self._numbers[class_name] = number
        return number

    def _in_use(self) -> set[int]:
        return set(np.unique(self._array()).tolist()) - {NO_CLASS}

    def _array(self) -> NDArray[np.int64]:
        return np.asarray(self._classes, np.int64)


def list_names(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - NAMES_LISTED
    return ", ".join(names[:NAMES_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def _distinct(names: list[str]) -> list[str]:
    """The names; a name that repeats an earlier one gets a number at its end."""
    taken = set(names)
    used: set[str] = set()
    distinct: list[str] = []
    for name in names:
        unique = name
        if name in used:
            numbered = (f"{name} ({number})" for number in itertools.count(2))
            unique = next(candidate for candidate in numbered if candidate not in taken)
            taken.add(unique)
        used.add(name)
        distinct.append(unique)
    return distinct


def _sort_key(name: str) -> tuple[float, str]:
    """The sort key of a class name: numbers by value, then words."""
    is_number = name.isascii() and name.isdigit()
    return (int(name), name) if is_number and len(name) <= MAX_DIGITS else (inf, name)
