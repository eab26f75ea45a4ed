"""The name of the file that each packed picture came from: on the disk, not in memory."""

import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.ingest.names import shown


class FileNames:
    """One line for each picture; `shown` leaves no name a line break."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w", encoding="utf-8")

    def add(self, name: str) -> None:
        self._file.write(f"{shown(name)}\n")

    def of(self, places: set[int]) -> dict[int, str]:
        """The names of the pictures at these places."""
        self._file.flush()
        with self._path.open(encoding="utf-8", newline="\n") as lines:
            return {place: line[:-1] for place, line in enumerate(lines) if place in places}

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Forget the names of the pictures that are not kept."""
        self._file.close()
        whole = self._path.rename(self._path.with_suffix(".whole"))
        with whole.open(encoding="utf-8", newline="\n") as lines:
            self._file = self._path.open("w", encoding="utf-8")
            self._file.writelines(itertools.compress(lines, kept))
        whole.unlink()

    def close(self) -> None:
        """Nothing is left on the disk."""
        self._file.close()
        self._path.unlink(missing_ok=True)
