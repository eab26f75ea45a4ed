"""Streams of a known length that are made while they are read: a file, or a tar of many files.

Neither takes a temporary file. A file that changes while it is sent ends the upload with an error.
"""

import io
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.cli.errors import CommandError

CHUNK = 1024 * 1024
END = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class Member:
    """A file on the disk, its name in the upload, and its size in bytes."""

    path: Path
    name: str
    size: int


class KnownStream(io.RawIOBase):
    """Reads as the `length` bytes that `make` yields; can be read again from the start."""

    def __init__(self, length: int, make: Callable[[], Iterator[bytes]]) -> None:
        super().__init__()
        self._length = length
        self._make = make
        self._position = 0
        self._pending = memoryview(b"")
        self._chunks = make()

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
            self._position = 0
            self._pending = memoryview(b"")
            self._chunks = self._make()
        else:
            raise io.UnsupportedOperation("a stream that is made while it is read has no places")
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


def file_stream(path: Path, size: int) -> KnownStream:
    """The file as it is."""
    return KnownStream(size, lambda: _content(path, size))


def tar_stream(members: Sequence[Member]) -> KnownStream:
    """An uncompressed tar of the members."""
    length = sum(len(_header(member)) + _padded(member.size) for member in members) + len(END)

    def make() -> Iterator[bytes]:
        for member in members:
            yield _header(member)
            yield from _content(member.path, member.size)
            yield bytes(_padded(member.size) - member.size)
        yield END

    return KnownStream(length, make)


def _header(member: Member) -> bytes:
    info = tarfile.TarInfo(member.name)
    info.size = member.size
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _content(path: Path, size: int) -> Iterator[bytes]:
    """Exactly the bytes that were promised when the file was measured."""
    left = size
    try:
        with path.open("rb") as file:
            while left:
                chunk = file.read(min(CHUNK, left))
                if not chunk:
                    raise CommandError(
                        f"{path}: the file became shorter while it was sent ({size - left:,} of "
                        f"{size:,} bytes): nothing was added, try again when it no longer changes"
                    )
                left -= len(chunk)
                yield chunk
            if file.read(1):
                raise CommandError(
                    f"{path}: the file grew beyond its {size:,} bytes while it was sent: nothing "
                    "was added, try again when it no longer changes"
                )
    except FileNotFoundError as error:
        raise CommandError(
            f"{path}: the file vanished before it was sent: nothing was added, try again"
        ) from error
    except OSError as error:
        raise CommandError(
            f"{path}: the file cannot be read ({error.strerror}): nothing was added"
        ) from error


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
