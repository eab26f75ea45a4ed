"""Streams of a known length that are built while they are read: a file, or a tar of many files.

No temporary file is written. A file that changes during the upload ends it with an error.
"""

import io
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.cli.errors import CommandError

CHUNK_BYTES = 1 << 20
TAR_END = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class Member:
    """A file on disk, its name in the upload, and its size in bytes."""

    path: Path
    name: str
    size: int


class SizedStream(io.RawIOBase):
    """A readable stream of the `length` bytes that `make` yields; it can be rewound."""

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
        """Seek to the start or to the end; no other position is supported."""
        if whence == os.SEEK_END and offset == 0:
            self._position = self._length
        elif whence == os.SEEK_SET and offset == 0:
            self._position = 0
            self._pending = memoryview(b"")
            self._chunks = self._make()
        else:
            raise io.UnsupportedOperation("this stream can only seek to its start or end")
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


def file_stream(path: Path, size: int) -> SizedStream:
    """The content of a file."""
    return SizedStream(size, lambda: _content(path, size))


def tar_stream(members: Sequence[Member]) -> SizedStream:
    """An uncompressed tar of the members."""
    length = sum(len(_header(member)) + _padded(member.size) for member in members) + len(TAR_END)

    def make() -> Iterator[bytes]:
        for member in members:
            yield _header(member)
            yield from _content(member.path, member.size)
            yield bytes(_padded(member.size) - member.size)
        yield TAR_END

    return SizedStream(length, make)


def _header(member: Member) -> bytes:
    info = tarfile.TarInfo(member.name)
    info.size = member.size
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _content(path: Path, size: int) -> Iterator[bytes]:
    """Yield exactly `size` bytes, or raise CommandError if the file has changed."""
    left = size
    try:
        with path.open("rb") as file:
            while left:
                chunk = file.read(min(CHUNK_BYTES, left))
                if not chunk:
                    raise CommandError(
                        f"{path}: the file became shorter during the upload ({size - left:,} of "
                        f"{size:,} bytes): nothing was added; try again when it no longer changes"
                    )
                left -= len(chunk)
                yield chunk
            if file.read(1):
                raise CommandError(
                    f"{path}: the file grew beyond its {size:,} bytes during the upload: nothing "
                    "was added; try again when it no longer changes"
                )
    except FileNotFoundError as error:
        raise CommandError(
            f"{path}: the file was deleted during the upload: nothing was added; try again"
        ) from error
    except OSError as error:
        raise CommandError(
            f"{path}: the file cannot be read ({error.strerror}): nothing was added"
        ) from error


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
