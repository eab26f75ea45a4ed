"""The members of a tar or a tar.gz, one at a time, in one pass."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from worker.ingest.errors import BrokenArchive
from worker.ingest.members import Member
from worker.ingest.meter import Meter
from worker.ingest.streams import GzipStream, PlainStream, Readable

HEADER_BYTES = 1 << 20  # of one member, with its long name; a hostile one may claim gigabytes
DRAIN_BYTES = 1 << 20


def tar_members(path: Path, name: str, meter: Meter, *, gzipped: bool) -> Iterator[Member]:
    """Every file in the tar at `path`; `name` is what its user calls it."""
    with path.open("rb") as file:
        stream = GzipStream(file, name, meter) if gzipped else PlainStream(file, meter)
        unpacked = _Unpacked(stream, name)
        try:
            yield from _walk(unpacked, file, name)
        except (tarfile.TarError, ValueError, RecursionError) as error:
            # tarfile lets the last two out of damaged sparse maps and of endless long names.
            raise BrokenArchive(name, str(error)) from error
        while unpacked.read(DRAIN_BYTES):
            pass  # what follows the end mark: a gzip's checksum stands behind it


def _walk(unpacked: "_Unpacked", file: IO[bytes], name: str) -> Iterator[Member]:
    unpacked.allow(HEADER_BYTES)
    with tarfile.open(
        fileobj=unpacked,
        mode="r|",
        tarinfo=_StrictHeader,
        encoding="utf-8",
        errors="surrogateescape",
    ) as archive:
        assert archive.fileobj is not None
        while True:
            unread = max(0, archive.offset - archive.fileobj.tell())
            unpacked.allow(unread + HEADER_BYTES)
            header = archive.next()
            unpacked.allow(None)
            if header is None:
                return
            # tarfile keeps both for a random access that a stream never has.
            archive.members = []  # type: ignore[attr-defined]  # typeshed knows only getmembers
            archive.pax_headers = {}
            if header.isdir():
                continue
            refusal = _refusal(header)
            stream: Readable | None = None
            if refusal is None:
                data = archive.extractfile(header)
                assert data is not None
                stream = _MemberStream(data, name)
            yield Member(header.name, header.size, file.tell(), stream, refusal)


def _refusal(header: tarfile.TarInfo) -> str | None:
    if header.issym() or header.islnk():
        return "link: links are not followed"
    if header.issparse():
        return "special file: a sparse one"
    if not header.isreg():
        return "special file: neither a file nor a folder"
    return None


class _StrictHeader(tarfile.TarInfo):
    """Refuses what `tarfile` takes for the end: a damaged header, or none where one belongs."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.HeaderError as error:
            if type(error) is tarfile.EOFHeaderError:  # type: ignore[attr-defined]
                raise
            raise tarfile.ReadError(f"after {archive.offset:,} bytes: {error}") from error


class _Unpacked(io.BufferedIOBase):
    """The unpacked bytes of a tar, bounded while `tarfile` reads headers."""

    def __init__(self, stream: Readable, name: str) -> None:
        self._stream = stream
        self._name = name
        self._allowed: int | None = None

    def allow(self, count: int | None) -> None:
        """How many bytes may be read from here on; None for any."""
        self._allowed = count

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        data = self._stream.read(size)
        if self._allowed is not None:
            self._allowed -= len(data)
            if self._allowed < 0:
                raise BrokenArchive(self._name, "a header in it is too long")
        return data


class _MemberStream:
    def __init__(self, data: IO[bytes], name: str) -> None:
        self._data = data
        self._name = name

    def read(self, size: int, /) -> bytes:
        try:
            return self._data.read(size)
        except tarfile.TarError as error:
            raise BrokenArchive(self._name, str(error)) from error
