"""Sequential reads of an uploaded file, metered, and decompressed if it is a gzip.

`gzip.GzipFile` refuses data behind the last member; here it can be skipped and reported.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from worker.ingest.errors import BrokenArchive
from worker.ingest.limits import Meter

READ_BYTES = 1 << 20
COMPRESSED_BYTES = 1 << 16  # that are read at a time
GZIP = b"\x1f\x8b"
GZIP_WINDOW = 31  # zlib: expect a gzip header, and verify the checksum and the length at the end


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class PlainStream:
    """A file as it is."""

    def __init__(self, file: IO[bytes], meter: Meter) -> None:
        self._file = file
        self._meter = meter

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self._meter.add(len(data))
        return data


class GzipStream:
    """The content of a gzip, of all its members, up to the zeros that pad it.

    `read` raises BrokenArchive for damage, also for a wrong checksum at the end, and for other data
    behind the end. With `keeps_rest` such data ends the stream instead, and `rest_bytes` is its
    length.
    """

    def __init__(
        self, file: IO[bytes], name: str, meter: Meter, *, keeps_rest: bool = False
    ) -> None:
        self._file = file
        self._name = name
        self._meter = meter
        self._keeps_rest = keeps_rest
        self._compressed = b""
        self._member: zlib._Decompress | None = zlib.decompressobj(GZIP_WINDOW)
        self.rest_bytes = 0

    def read(self, size: int, /) -> bytes:
        try:
            data = self._unpack(size)
        except zlib.error as error:
            raise BrokenArchive(self._name, f"its gzip is damaged ({error})") from error
        self._meter.add(len(data))
        return data

    def _unpack(self, size: int) -> bytes:
        """Up to `size` bytes; empty only at the end, or for a `size` of 0."""
        while size > 0 and self._member is not None:
            if self._member.eof:
                self._begin_member()
                continue
            if not self._compressed:
                self._compressed = self._file.read(COMPRESSED_BYTES)
                if not self._compressed:
                    raise BrokenArchive(self._name, "its gzip ends too early")
            data = self._member.decompress(self._compressed, size)
            self._compressed = self._member.unconsumed_tail or self._member.unused_data
            if data:
                return data
        return b""

    def _begin_member(self) -> None:
        """Continue with the next member; without one, set `_member` to None."""
        self._skip_zeros()
        if len(self._compressed) < len(GZIP):
            self._compressed += self._file.read(COMPRESSED_BYTES)
        if self._compressed.startswith(GZIP):
            self._member = zlib.decompressobj(GZIP_WINDOW)
            return
        self._member = None
        if self._compressed and not self._keeps_rest:
            raise BrokenArchive(self._name, "other data follows the end of its gzip")
        position = self._file.tell()
        self.rest_bytes = len(self._compressed) + self._file.seek(0, 2) - position

    def _skip_zeros(self) -> None:
        self._compressed = self._compressed.lstrip(b"\0")
        while not self._compressed:
            block = self._file.read(COMPRESSED_BYTES)
            if not block:
                return
            self._compressed = block.lstrip(b"\0")
            self._meter.tick()


@contextmanager
def open_stream(path: Path, name: str, meter: Meter, *, gzipped: bool) -> Iterator[Readable]:
    """The file from its first byte, decompressed."""
    with path.open("rb") as file:
        yield GzipStream(file, name, meter) if gzipped else PlainStream(file, meter)


def read_exactly(stream: Readable, size: int) -> bytearray:
    """`size` bytes, or fewer at the end of the stream.

    Memory grows with the bytes that are read: `size` may be the false claim of a header.
    """
    data = bytearray()
    while len(data) < size:
        block = stream.read(min(size - len(data), READ_BYTES))
        if not block:
            break
        data += block
    return data
