"""The files that `moggy dataset add` sends: archives and arrays as they are, pictures as a tar."""

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

# Files that hold many pictures. They are sent as they are: the service does not read them in a tar.
CONTAINER_NAME = re.compile(r"\.(zip|tar|tgz|gz|npy|npz|parquet)$|ubyte$", re.IGNORECASE)
LOOSE_NAME = "pictures"  # of the tar of pictures that were given as files


@dataclass(frozen=True)
class Part:
    """One file of the upload: a file on disk, or a tar that is built while it is sent."""

    name: str
    content: Member | tuple[Member, ...]


@dataclass
class UploadPlan:
    """The parts to send, and the files to leave out of the given folders."""

    parts: list[Part] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def plan_upload(paths: list[Path]) -> UploadPlan:
    """Plan the upload of everything under `paths`. Raises CommandError for a missing path.

    A given path is included even if it is hidden or a link. Leading dots are cut from its name,
    because the service ignores hidden files. If there are several paths, the names of files begin
    with the name of their folder, so that the folder becomes a class.
    """
    plan = UploadPlan()
    loose: list[Member] = []
    for path in paths:
        status = _status(path)
        name = _upload_name(path)
        if stat.S_ISDIR(status.st_mode):
            _add_folder(plan, path, name, prefix=f"{name}/" if len(paths) > 1 else "")
        elif not stat.S_ISREG(status.st_mode):
            raise CommandError(f"{path}: neither a file nor a folder")
        else:
            file = Member(path, name, status.st_size)
            if CONTAINER_NAME.search(name):
                plan.parts.append(_single(file))
            else:
                loose.append(file)
    if len(loose) == 1:
        plan.parts.append(_single(loose[0]))
    elif loose:
        plan.parts.append(Part(f"{LOOSE_NAME}.tar", tuple(loose)))
    return plan


@contextmanager
def opened(parts: list[Part]) -> Iterator[list[tuple[str, IO[bytes], str]]]:
    """Yield (name, content, media type) of each part, and close them at the end of the block."""
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
        reason = "a broken link" if path.is_symlink() else "no such file or folder"
        raise CommandError(f"{path}: {reason}") from error
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from error


def _upload_name(path: Path) -> str:
    """The name of a given path without leading dots; for `.` and `..` the folder's own name."""
    name = path.name if path.name not in ("", "..") else path.resolve().name
    # The service treats a backslash as a separator of folders on every system.
    return _utf8(name).rpartition("\\")[2].lstrip(".") or LOOSE_NAME


def _utf8(name: str) -> str:
    """A file name as UTF-8, with surrogate escapes for other bytes, in every locale."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def _add_folder(plan: UploadPlan, folder: Path, name: str, prefix: str) -> None:
    walked = walk(folder)
    plan.left_out += walked.left_out
    if not walked.files:
        example = "".join(
            f"; left out: {left.path} ({left.reason})" for left in walked.left_out[:1]
        )
        raise CommandError(f"{folder}: the folder holds no files that can be sent{example}")
    members = [Member(file.path, prefix + _utf8(file.relative), file.size) for file in walked.files]
    containers = [member for member in members if CONTAINER_NAME.search(member.name)]
    pictures = tuple(member for member in members if not CONTAINER_NAME.search(member.name))
    if pictures:
        # The report names a label file by its part and its path in the tar: lab/labels.csv.
        plan.parts.append(Part(_form_name(f"{name}.tar" if prefix else name), pictures))
    plan.parts += [_single(member) for member in containers]


def _single(file: Member) -> Part:
    return Part(_form_name(file.name), file)


def _form_name(name: str) -> str:
    """The name as text for a form: bytes that are not UTF-8 become replacement characters."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
