"""What `moggy dataset add` sends: archives and arrays as they are, pictures as one tar."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from app.cli.errors import CommandError
from app.cli.folders import LeftOut, walk
from app.cli.tarstream import Member, file_stream, tar_stream

# Many pictures in one file, which is not read inside a tar.
WHOLE_NAME = re.compile(r"\.(zip|tar|tgz|gz|npy|npz|parquet)$|ubyte$", re.IGNORECASE)
LOOSE_NAME = "pictures"


@dataclass(frozen=True)
class Part:
    """One file of the upload: a file on the disk, or a tar that is made while it is sent."""

    name: str
    content: Member | tuple[Member, ...]


@dataclass
class Plan:
    """What is sent, and what is left out of the folders that were named."""

    parts: list[Part] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def plan_upload(paths: list[Path]) -> Plan:
    """The parts that hold everything under `paths`. Raises CommandError for what is not there.

    What the user named is taken even where it is hidden or a link, and has its name without the
    leading dots, for the service leaves hidden files out. A folder's own name stands before its
    files only where several things were named: then it is a class as any other folder is.
    """
    plan = Plan()
    loose: list[Member] = []
    for path in paths:
        status = _status(path)
        name = _given_name(path)
        if stat.S_ISDIR(status.st_mode):
            _add_folder(plan, path, name, prefix=f"{name}/" if len(paths) > 1 else "")
        elif not stat.S_ISREG(status.st_mode):
            raise CommandError(f"{path}: neither a file nor a folder")
        else:
            file = Member(path, name, status.st_size)
            if WHOLE_NAME.search(name):
                plan.parts.append(_whole(file))
            else:
                loose.append(file)
    if len(loose) == 1:
        plan.parts.append(_whole(loose[0]))
    elif loose:
        plan.parts.append(Part(f"{LOOSE_NAME}.tar", tuple(loose)))
    return plan


@contextmanager
def opened(parts: list[Part]) -> Iterator[list[tuple[str, IO[bytes], str]]]:
    """(name, content, media type) of each part, open for as long as the block lasts."""
    with ExitStack() as stack:
        yield [
            (part.name, stack.enter_context(_open(part)), "application/octet-stream")
            for part in parts
        ]


def _open(part: Part) -> IO[bytes]:
    content = part.content
    if isinstance(content, Member):
        return cast(IO[bytes], file_stream(content.path, content.size))
    return cast(IO[bytes], tar_stream(content))


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except FileNotFoundError as error:
        what = "a link that leads nowhere" if path.is_symlink() else "no such file or folder"
        raise CommandError(f"{path}: {what}") from error
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from error


def _given_name(path: Path) -> str:
    """The name that the user gave, visible to the service; that of the folder for `.` or `..`."""
    name = path.name if path.name not in ("", "..") else path.resolve().name
    # Whatever the system, the service takes a backslash for the end of a folder's name.
    return _utf8(name).rpartition("\\")[2].lstrip(".") or LOOSE_NAME


def _utf8(name: str) -> str:
    """A name of the file system as UTF-8 with escapes for other bytes, whatever the locale."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def _add_folder(plan: Plan, folder: Path, name: str, prefix: str) -> None:
    found = walk(folder)
    plan.left_out += found.left_out
    if not found.files:
        first = "".join(f"; left out: {left.path} ({left.reason})" for left in found.left_out[:1])
        raise CommandError(f"{folder}: the folder holds no files that can be sent{first}")
    members = [Member(file.path, prefix + _utf8(file.inside), file.size) for file in found.files]
    whole = [member for member in members if WHOLE_NAME.search(member.name)]
    pictures = tuple(member for member in members if not WHOLE_NAME.search(member.name))
    if pictures:
        plan.parts.append(Part(_in_form(f"{name}.tar"), pictures))
    plan.parts += [_whole(member) for member in whole]


def _whole(file: Member) -> Part:
    return Part(_in_form(file.name), file)


def _in_form(name: str) -> str:
    """The name as a form can carry it: bytes that are not UTF-8 become replacement characters."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
