"""The classes of packed pictures: names in order, and of each picture the number of its own."""

from array import array
from math import inf

import numpy as np
from numpy.typing import NDArray

MAX_CLASSES = 10_000  # beyond it folders are how somebody files pictures, one in each
MAX_DIGITS = 15
NO_CLASS = -1


class Labels:
    """Takes the class of one picture after the other."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # in the order they came
        self._classes = array("q")

    def add(self, class_name: str | None) -> None:
        number = NO_CLASS
        if class_name is not None:
            number = self._numbers.setdefault(class_name, len(self._numbers))
        self._classes.append(number)

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Forget the pictures that are not kept; a class that none has left goes."""
        self._classes = array("q", self._array()[kept].tobytes())

    def numbered(self) -> tuple[list[str] | None, NDArray[np.int64] | None]:
        """Names in order and an int64 label of each picture, where every picture has a class and
        there are at least two, and not so many that they are no classes; else neither."""
        numbers = self._array()
        in_use = set(np.unique(numbers).tolist())
        if NO_CLASS in in_use or not 2 <= len(in_use) <= MAX_CLASSES:
            return None, None
        used = [name for name, number in self._numbers.items() if number in in_use]
        names = sorted(used, key=_order)
        label_of = np.empty(len(self._numbers), np.int64)
        for label, name in enumerate(names):
            label_of[self._numbers[name]] = label
        return names, label_of[numbers]

    def _array(self) -> NDArray[np.int64]:
        return np.asarray(self._classes, np.int64)


def _order(name: str) -> tuple[float, str]:
    """Numbers by their value, before words."""
    is_number = name.isascii() and name.isdigit()
    return (int(name), name) if is_number and len(name) <= MAX_DIGITS else (inf, name)
