"""The files below a folder that the user named, and the reason for each one that is left out."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

SPECIAL = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True)
class FoundFile:
    """`inside` is its path below the folder, with slashes, under the names of the links."""

    path: Path
    inside: str
    size: int


@dataclass(frozen=True)
class LeftOut:
    path: Path
    reason: str


@dataclass
class Walk:
    """What a folder holds, in one fixed order: each folder's files, then its folders."""

    files: list[FoundFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def walk(root: Path) -> Walk:
    """Every file below `root`. `root` and the folders above it may be hidden or links.

    A link to a file is that file. A link to a folder is that folder, unless the folder is in the
    walk already: a folder is taken once, under its own place where it has one below `root`.
    """
    return _Walker(root).run()


class _Walker:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._walk = Walk()
        self._taken: dict[tuple[int, int], Path] = {}  # folders, by device and inode
        self._links: list[Path] = []  # to folders, which are followed after all real folders

    def run(self) -> Walk:
        self._folder(self._root)
        while self._links:
            self._folder(self._links.pop(0))
        self._walk.files.sort(key=lambda file: _place(file.inside))
        self._walk.left_out.sort(key=lambda entry: _place(entry.path.as_posix()))
        return self._walk

    def _folder(self, folder: Path) -> None:
        waiting = [folder]
        while waiting:
            folder = waiting.pop()
            try:
                if not self._take(folder):
                    continue
                with os.scandir(folder) as scan:
                    entries = sorted(scan, key=lambda entry: entry.name)
            except OSError as error:
                self._leave_out(folder, f"the folder cannot be read: {error.strerror}")
                continue
            inside = (folder / entry.name for entry in entries)
            waiting += [path for path in inside if self._is_real_folder(path)]

    def _take(self, folder: Path) -> bool:
        """Remember the folder; False, and the reason told, where it was taken before."""
        status = folder.stat()
        key = (status.st_dev, status.st_ino)
        if key in self._taken:
            self._leave_out(folder, f"the folder is taken already, as {self._taken[key]}")
            return False
        self._taken[key] = folder
        return True

    def _is_real_folder(self, path: Path) -> bool:
        """Sort one entry in; True where it is a folder that is to be walked now."""
        if path.name.startswith("."):
            self._leave_out(path, "hidden")
            return False
        try:
            status = path.stat()
        except OSError as error:
            broken = path.is_symlink() and isinstance(error, FileNotFoundError)
            reason = "a link that leads nowhere" if broken else f"cannot be read: {error.strerror}"
            self._leave_out(path, reason)
            return False
        if stat.S_ISDIR(status.st_mode):
            if not path.is_symlink():
                return True
            self._links.append(path)
        elif not stat.S_ISREG(status.st_mode):
            self._leave_out(path, f"{_special(status.st_mode)}, not a picture")
        elif not os.access(path, os.R_OK):
            self._leave_out(path, "the file cannot be read: Permission denied")
        else:
            inside = path.relative_to(self._root).as_posix()
            self._walk.files.append(FoundFile(path, inside, status.st_size))
        return False

    def _leave_out(self, path: Path, reason: str) -> None:
        self._walk.left_out.append(LeftOut(path, reason))


def _special(mode: int) -> str:
    return next((name for test, name in SPECIAL if test(mode)), "a special file")


def _place(path: str) -> list[tuple[bool, str]]:
    """Sorts the files of a folder before its folders."""
    *folders, name = path.split("/")
    return [*((True, folder) for folder in folders), (False, name)]
