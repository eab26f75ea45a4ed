"""A full disk: how its errors are told from others, and how a child process reports one."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)  # no space left on the device, or in a quota
NO_ROOM = 4  # the exit status of a process that has reported a full disk


class NoRoom(OSError):
    """A file of `needed` bytes did not fit on its disk. What was there before is unchanged."""

    def __init__(self, path: Path, needed: int) -> None:
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self.needed = needed


def is_disk_full(error: BaseException) -> bool:
    """Whether a file could not be written because its disk, or a quota on it, is full."""
    return any(isinstance(one, OSError) and one.errno in FULL for one in chain(error))


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and the errors that it was raised from or while handling."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def needed_bytes(error: BaseException) -> int:
    """How large the file was that did not fit; 0 where that is not known."""
    return max((one.needed for one in chain(error) if isinstance(one, NoRoom)), default=0)
