"""A tar archive that is made while it is read: no temporary file, and its length is known."""

import io
import os
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.cli.errors import CommandError

CHUNK = 1024 * 1024
END = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class Member:
    """A file on the disk, its name in the archive, and its size in bytes."""

    path: Path
    name: str
    size: int


class TarStream(io.RawIOBase):
    """Reads as an uncompressed tar of `members`; can be measured and read again from the start."""

    def __init__(self, members: Sequence[Member]) -> None:
        super().__init__()
        self._members = members
        self._length = sum(len(_header(one)) + _padded(one.size) for one in members) + len(END)
        self._position = 0
        self._pending = memoryview(b"")
        self._chunks = self._make()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Only to where the caller is, to the end, or to the start."""
        if whence == os.SEEK_END and offset == 0:
            self._position = self._length
        elif whence == os.SEEK_SET and offset == 0:
            self._restart()
        else:
            raise io.UnsupportedOperation("a tar that is made while it is read cannot be searched")
        return self._position

    def read(self, size: int = -1) -> bytes:
        while not self._pending:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._pending = memoryview(chunk)
        taken = self._pending if size < 0 else self._pending[:size]
        self._pending = self._pending[len(taken) :]
        self._position += len(taken)
        return bytes(taken)

    def _restart(self) -> None:
        self._position = 0
        self._pending = memoryview(b"")
        self._chunks = self._make()

    def _make(self) -> Iterator[bytes]:
        for member in self._members:
            yield _header(member)
            yield from _content(member)
            yield bytes(_padded(member.size) - member.size)
        yield END


def _header(member: Member) -> bytes:
    info = tarfile.TarInfo(member.name)
    info.size = member.size
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _content(member: Member) -> Iterator[bytes]:
    """Exactly the bytes that the header promised."""
    left = member.size
    with member.path.open("rb") as file:
        while left:
            chunk = file.read(min(CHUNK, left))
            if not chunk:
                raise CommandError(f"{member.path}: the file became shorter while it was sent")
            left -= len(chunk)
            yield chunk


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
