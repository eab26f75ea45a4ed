"""Finds the files below a folder, and records the reason for each entry that is left out."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

SPECIAL_FILES = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True)
class FolderFile:
    """`relative` is the path below the folder, with slashes and with the names of links."""

    path: Path
    relative: str
    size: int


@dataclass(frozen=True)
class LeftOut:
    path: Path
    reason: str


@dataclass
class Walk:
    """The content of a folder in a fixed order: the files of each folder, then its folders."""

    files: list[FolderFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def walk(root: Path) -> Walk:
    """Find every file below `root`, which may itself be hidden, a link, or in a hidden folder.

    Links are followed. A folder that is reached several ways is walked once: under its own path if
    that is below `root`, otherwise under the name of the first link.
    """
    return _Walker(root).run()


class _Walker:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._walk = Walk()
        self._walked: dict[tuple[int, int], Path] = {}  # folders, by device and inode
        self._links: list[Path] = []  # to folders; followed after all real folders

    def run(self) -> Walk:
        self._walk_folder(self._root)
        while self._links:
            self._walk_folder(self._links.pop(0))
        self._walk.files.sort(key=lambda file: _sort_key(file.relative))
        self._walk.left_out.sort(key=lambda entry: _sort_key(entry.path.as_posix()))
        return self._walk

    def _walk_folder(self, folder: Path) -> None:
        pending = [folder]
        while pending:
            folder = pending.pop()
            try:
                if not self._is_new(folder):
                    continue
                with os.scandir(folder) as scan:
                    entries = sorted(scan, key=lambda entry: entry.name)
            except OSError as error:
                self._leave_out(folder, f"the folder cannot be read: {error.strerror}")
                continue
            paths = (folder / entry.name for entry in entries)
            pending += [path for path in paths if self._add_entry(path)]

    def _is_new(self, folder: Path) -> bool:
        """Record the folder as walked; a folder that was walked before is left out."""
        status = folder.stat()
        key = (status.st_dev, status.st_ino)
        if key in self._walked:
            self._leave_out(folder, f"the folder is included already, as {self._walked[key]}")
            return False
        self._walked[key] = folder
        return True

    def _add_entry(self, path: Path) -> bool:
        """Add a file, a link to a folder, or an entry left out; True for a folder to walk now."""
        if path.name.startswith("."):
            self._leave_out(path, "hidden")
            return False
        try:
            status = path.stat()
        except OSError as error:
            broken = path.is_symlink() and isinstance(error, FileNotFoundError)
            reason = "a broken link" if broken else f"cannot be read: {error.strerror}"
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
            relative = path.relative_to(self._root).as_posix()
            self._walk.files.append(FolderFile(path, relative, status.st_size))
        return False

    def _leave_out(self, path: Path, reason: str) -> None:
        self._walk.left_out.append(LeftOut(path, reason))


def _special(mode: int) -> str:
    return next((name for test, name in SPECIAL_FILES if test(mode)), "a special file")


def _sort_key(path: str) -> list[tuple[bool, str]]:
    """Sort the files of a folder before its folders."""
    *folders, name = path.split("/")
    return [*((True, folder) for folder in folders), (False, name)]
