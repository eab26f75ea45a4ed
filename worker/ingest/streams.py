"""The bytes of an uploaded file, read in order, counted, unpacked where they are a gzip."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from worker.ingest.errors import BrokenArchive
from worker.ingest.meter import Meter

READ_BYTES = 1 << 20


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
    """What is in a gzip. Raises BrokenArchive, at its end too, where its checksum stands."""

    def __init__(self, file: IO[bytes], name: str, meter: Meter) -> None:
        self._unpacked = gzip.GzipFile(fileobj=file)
        self._name = name
        self._meter = meter

    def read(self, size: int, /) -> bytes:
        try:
            data = self._unpacked.read(size)
        except EOFError as error:
            raise BrokenArchive(self._name, "its gzip ends too early") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise BrokenArchive(self._name, f"its gzip is damaged ({error})") from error
        self._meter.add(len(data))
        return data


@contextmanager
def opened(path: Path, name: str, meter: Meter, *, gzipped: bool) -> Iterator[Readable]:
    """The file from its first byte, unpacked."""
    with path.open("rb") as file:
        yield GzipStream(file, name, meter) if gzipped else PlainStream(file, meter)


def read_exactly(stream: Readable, size: int) -> bytearray:
    """`size` bytes, or what is left; it grows with what is there, not with what was claimed."""
    data = bytearray()
    while len(data) < size:
        block = stream.read(min(size - len(data), READ_BYTES))
        if not block:
            break
        data += block
    return data
