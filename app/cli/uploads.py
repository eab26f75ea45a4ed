"""What `moggy dataset add` sends: archives and arrays as they are, pictures as one tar."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from app.cli.errors import CommandError
from app.cli.tarstream import Member, TarStream

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".gz")
# Many pictures in one file, which is not read inside a tar.
ARRAY_NAME = re.compile(r"\.(npy|npz|parquet)$|ubyte(\.gz)?$", re.IGNORECASE)
LOOSE_NAME = "pictures.tar"


@dataclass(frozen=True)
class Part:
    """One file of the upload: a file on the disk, or a tar that is made while it is sent."""

    name: str
    content: Path | tuple[Member, ...]


def plan_upload(paths: list[Path]) -> list[Part]:
    """The parts that hold everything under `paths`. Raises CommandError for what is not there."""
    parts: list[Part] = []
    loose: list[Path] = []
    for path in paths:
        if path.is_dir():
            parts += _folder_parts(path)
        elif not path.is_file():
            raise CommandError(f"{path}: no such file or folder")
        elif path.name.lower().endswith(ARCHIVE_SUFFIXES) or ARRAY_NAME.search(path.name):
            parts.append(Part(path.name, path))
        else:
            loose.append(path)
    if len(loose) == 1:
        parts.append(Part(loose[0].name, loose[0]))
    elif loose:
        members = tuple(Member(path, path.name, path.stat().st_size) for path in loose)
        parts.append(Part(LOOSE_NAME, members))
    return parts


@contextmanager
def opened(parts: list[Part]) -> Iterator[list[tuple[str, IO[bytes], str]]]:
    """(name, content, media type) of each part, open for as long as the block lasts."""
    with ExitStack() as stack:
        yield [
            (part.name, stack.enter_context(_open(part)), "application/octet-stream")
            for part in parts
        ]


def _open(part: Part) -> IO[bytes]:
    if isinstance(part.content, Path):
        return part.content.open("rb")
    return cast(IO[bytes], TarStream(part.content))


def _folder_parts(folder: Path) -> Iterator[Part]:
    members = list(_folder_members(folder))
    if not members:
        raise CommandError(f"{folder}: the folder holds no files")
    pictures = tuple(one for one in members if not ARRAY_NAME.search(one.name))
    if pictures:
        yield Part(f"{folder.resolve().name or 'pictures'}.tar", pictures)
    for one in members:
        if ARRAY_NAME.search(one.name):
            yield Part(one.name, one.path)


def _folder_members(folder: Path) -> Iterator[Member]:
    """Every file below `folder` but hidden ones, named as `tar` names them, in one fixed order."""
    root = folder.resolve()
    for place, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(place) / name
            # A link to a file is sent as that file; one that leads nowhere is left out.
            if not name.startswith(".") and path.is_file():
                inside = path.relative_to(root.parent).as_posix()
                yield Member(path, inside, path.stat().st_size)
