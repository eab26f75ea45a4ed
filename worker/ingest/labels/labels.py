"""The classes of packed pictures: names in order, and of each picture the number of its own."""

import itertools
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterator
from math import inf

import numpy as np
from numpy.typing import NDArray

from models.config import MAX_CLASSES
from worker.ingest.archives.names import shown

MAX_DIGITS = 15
NO_CLASS = -1
NAMES_LISTED = 5


class Labels:
    """Takes the class of one picture after the other.

    A class is its raw name: two names that are shown alike are two classes, whose shown names are
    then numbered. Only names that Unicode calls equivalent (NFC) are one class: "é" as one
    character, and as the two that macOS writes.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # by every spelling, in the order they came
        self._equivalents: dict[str, int] = {}  # by NFC
        self._classes = array("q")

    def __len__(self) -> int:
        return len(self._classes)

    def add(self, class_name: str | None) -> None:
        self._classes.append(self._number(class_name))

    def fill(self, index: int, class_name: str | None) -> bool:
        """Give picture `index` a class where it has none. False where it has another."""
        number = self._number(class_name)
        if self._classes[index] == NO_CLASS:
            self._classes[index] = number
        return number in (NO_CLASS, self._classes[index])

    def assign(self, picture: int, class_name: str | None) -> None:
        """Give a picture that was added another class."""
        self._classes[picture] = self._number(class_name)

    def has_class(self, picture: int) -> bool:
        return self._classes[picture] != NO_CLASS

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Forget the pictures that are not kept; a class that none has left goes."""
        self._classes = array("q", self._array()[kept].tobytes())

    def unclassified(self) -> NDArray[np.bool_]:
        """(N,) Which pictures have no class while others have one of at least two."""
        numbers = self._array()
        without = numbers == NO_CLASS
        return without if len(np.unique(numbers[~without])) > 1 else np.zeros(len(numbers), bool)

    @property
    def classes_in_use(self) -> int:
        """How many classes the pictures have."""
        return len(self._in_use())

    def numbered(self) -> tuple[list[str] | None, NDArray[np.int64] | None]:
        """Names in order and an int64 label of each picture, where every picture has a class and
        there are at least two, and not more than a model can have; else neither."""
        numbers = self._array()
        in_use = set(np.unique(numbers).tolist())
        if NO_CLASS in in_use or not 2 <= len(in_use) <= MAX_CLASSES:
            return None, None
        used = [name for name, number in self._equivalents.items() if number in in_use]
        ordered = sorted((*_order(shown(name)), name) for name in used)
        label_of = np.empty(len(self._equivalents), np.int64)
        for label, (*_, name) in enumerate(ordered):
            label_of[self._equivalents[name]] = label
        return _distinct([shown(name) for *_, name in ordered]), label_of[numbers]

    def notes(self) -> Iterator[str]:
        """What the user is to know of the classes: sentences."""
        in_use = self._in_use()
        if len(in_use) > MAX_CLASSES:
            yield (
                f"The pictures are in {len(in_use):,} classes; a model can have {MAX_CLASSES:,} at "
                "most, so the dataset has none. For fewer classes put the pictures into fewer "
                "folders."
            )
            return
        spellings = Counter(number for number in self._numbers.values() if number in in_use)
        joined = [
            shown(name) for name, number in self._equivalents.items() if spellings[number] > 1
        ]
        if joined:
            yield (
                f"{len(joined):,} classes have names in several equivalent spellings (NFC and "
                f"NFD), and each is one class: {list_names(joined)}."
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
    """The first of them, and how many more there are."""
    more = len(names) - NAMES_LISTED
    return ", ".join(names[:NAMES_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def _distinct(names: list[str]) -> list[str]:
    """The names, those that repeat an earlier one with a number behind them."""
    taken = set(names)
    seen: set[str] = set()
    distinct: list[str] = []
    for name in names:
        chosen = name
        if name in seen:
            numbers = itertools.count(2)
            chosen = next(one for n in numbers if (one := f"{name} ({n})") not in taken)
            taken.add(chosen)
        seen.add(name)
        distinct.append(chosen)
    return distinct


def _order(name: str) -> tuple[float, str]:
    """Numbers by their value, before words."""
    is_number = name.isascii() and name.isdigit()
    return (int(name), name) if is_number and len(name) <= MAX_DIGITS else (inf, name)
