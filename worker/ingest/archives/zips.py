"""The members of a zip, one at a time.

`zipfile` decompresses them. It does not read the table of contents: `zipfile.ZipFile` keeps about
600 bytes of memory per member (37 MiB for 60,000), rejects a zip for one malformed name or extra
field, reads only the last of joined zips, and cannot read macOS's zips of more than 4 GiB.
"""

import itertools
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from worker.ingest.archives.members import Member
from worker.ingest.archives.names import NameDecoder
from worker.ingest.archives.zip_directory import Directory, Entry, find_directories, read_entries
from worker.ingest.errors import Rejected
from worker.ingest.limits import Meter
from worker.ingest.notes import Note

LOCAL = struct.Struct("<4s5H3L2H")
LOCAL_SIGNATURE = b"PK\x03\x04"
MAX_DESCRIPTOR_BYTES = 24  # sizes and checksum behind the data, in zips written to a pipe
DEFAULT_CODE_PAGE = "cp437"  # APPNOTE.TXT, appendix D
WRAP = 1 << 32


def zip_members(
    path: Path, name: str, meter: Meter, code_page: str | None = None
) -> Iterator[Member | Note]:
    """Every file in the zip at `path`; `name` is the user's name for the zip.

    `code_page` decodes names that are not UTF-8.
    """
    with path.open("rb") as directory_file, path.open("rb") as data_file:
        directories = find_directories(directory_file, name)
        names = NameDecoder(name, code_page, DEFAULT_CODE_PAGE)
        names.choose_code_page(
            raw_name
            for directory in directories
            for raw_name in _unmarked_names(directory_file, directory, name, meter)
        )
        for directory in directories:
            reader = _ZipReader(directory_file, data_file, directory, name, meter)
            yield from reader.members(names)
            yield from reader.notes()
        yield from names.notes()
        yield from _notes(name, directories, path.stat().st_size)


def _unmarked_names(
    file: IO[bytes], directory: Directory, name: str, meter: Meter
) -> Iterator[bytes]:
    for entry in read_entries(file, directory, name):
        meter.tick()
        if entry.unicode_name is None:
            yield entry.raw_name


def _notes(name: str, directories: list[Directory], length: int) -> Iterator[Note]:
    if len(directories) > 1:
        yield Note(f"{name}: {len(directories)} zips joined in one file; all of them were read.")
    before, behind = directories[0].base, length - directories[-1].end
    if before and not directories[0].wraps:
        yield Note(f"{name}: {before:,} bytes before the zip were not read.")
    if behind:
        yield Note(f"{name}: {behind:,} bytes behind the end of the zip were not read.")


@dataclass(frozen=True)
class _Location:
    """The offsets of an entry's local header and data; `data` is None without such a header."""

    header: int
    data: int | None


class _ZipReader:
    """Reads one zip of a file that may hold several joined zips."""

    def __init__(
        self,
        directory_file: IO[bytes],
        data_file: IO[bytes],
        directory: Directory,
        name: str,
        meter: Meter,
    ) -> None:
        self._directory_file = directory_file
        self._file = data_file
        self._directory = directory
        self._name = name
        self._meter = meter
        self._wraps = 0  # of the current entry
        self._unlisted = 0
        self._compressed_bytes = 0  # bytes of the entries so far

    def members(self, names: NameDecoder) -> Iterator[Member]:
        end = self._directory.base  # of the entries so far
        is_in_order = self._directory.wraps == 0
        for (entry, location), (_, following) in itertools.pairwise(self._located_entries()):
            assert entry is not None, "only the last item, which begins no pair, has no entry"
            self._meter.tick()
            is_in_order = is_in_order and end <= location.header
            if is_in_order:
                self._count_unlisted(end, location.header)
            end = (
                location.header if location.data is None else location.data + entry.compressed_size
            )
            name = entry.unicode_name or names.decode(entry.raw_name)
            if name.endswith("/") or (name.endswith("\\") and entry.size == 0):
                continue
            stream, refusal = None, entry.refusal or self._overlap(entry, location)
            if refusal is None:
                stream = _MemberStream(self._file, entry, location, self._directory, self._meter)
            size = entry.size + self._wrapped_bytes(entry, location, following.header)
            position = min(location.header, self._directory.start)
            yield Member(name, size, position, stream, refusal)
        if is_in_order:
            self._count_unlisted(end, self._directory.start)

    def _overlap(self, entry: Entry, location: _Location) -> str | None:
        """The refusal of an entry once all entries together claim more data than the zip has:
        thousands of entries may share the data of one zip bomb."""
        available = self._directory.start - self._directory.base
        if location.data is not None and entry.compressed_size <= available:
            self._compressed_bytes += entry.compressed_size
        if self._compressed_bytes > available:
            return "damaged in its zip: its files overlap, and together are larger than the zip"
        return None

    def notes(self) -> Iterator[Note]:
        if self._unlisted:
            yield Note(
                f"{self._name}: it has files that its table of contents does not list, in at "
                f"least {self._unlisted:,} places; they were not read."
            )

    def _located_entries(self) -> Iterator[tuple[Entry | None, _Location]]:
        """Every entry with its location; last, None at the start of the directory."""
        for entry in read_entries(self._directory_file, self._directory, self._name):
            yield entry, self._find(entry)
        yield None, _Location(self._directory.start, None)

    def _find(self, entry: Entry) -> _Location:
        """Locate an entry. Where offsets wrap, only a header with its name confirms the offset."""
        offset = self._directory.base + entry.offset
        later = range(self._wraps, self._directory.wraps + 1)
        for wraps in (*later, *range(self._wraps)):
            location = self._read_header(offset + wraps * WRAP, entry)
            if location.data is not None:
                self._wraps = wraps
                return location
        return _Location(offset, None)

    def _read_header(self, offset: int, entry: Entry) -> _Location:
        if offset >= self._directory.start:  # members stand before the directory
            return _Location(offset, None)
        self._file.seek(offset)
        header = self._file.read(LOCAL.size)
        if len(header) < LOCAL.size or not header.startswith(LOCAL_SIGNATURE):
            return _Location(offset, None)
        name_size, extra_size = LOCAL.unpack(header)[9:11]
        if self._directory.wraps and self._file.read(name_size) != entry.raw_name:
            return _Location(offset, None)
        return _Location(offset, offset + LOCAL.size + name_size + extra_size)

    def _wrapped_bytes(self, entry: Entry, location: _Location, following: int) -> int:
        """The multiple of 2**32 that a wrapped size lacks, by the offset of the next header."""
        if self._directory.wraps == 0 or location.data is None:
            return 0
        return max(0, following - location.data - entry.compressed_size) // WRAP * WRAP

    def _count_unlisted(self, end: int, start: int) -> None:
        """Count a local header in the gap between two entries, directly behind the first of them
        or behind its descriptor."""
        if end + LOCAL.size > start:
            return
        self._file.seek(end)
        gap = self._file.read(min(MAX_DESCRIPTOR_BYTES + len(LOCAL_SIGNATURE), start - end))
        self._unlisted += LOCAL_SIGNATURE in gap


class _MemberStream:
    """The decompressed data of one member: at most its declared size, its checksum verified."""

    def __init__(
        self,
        file: IO[bytes],
        entry: Entry,
        location: _Location,
        directory: Directory,
        meter: Meter,
    ) -> None:
        self._file = file
        self._entry = entry
        self._location = location
        self._directory = directory
        self._meter = meter
        self._unpacked: zipfile.ZipExtFile | None = None

    def read(self, size: int, /) -> bytes:
        try:
            if self._unpacked is None:
                self._unpacked = self._open()
            data = self._unpacked.read(size)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise Rejected(f"damaged in its zip: {error or 'it ends too early'}") from error
        self._meter.add(len(data))
        return data

    def _open(self) -> zipfile.ZipExtFile:
        if self._location.data is None:
            raise zipfile.BadZipFile("it is not where the table of contents says")
        announced = self._entry.compressed_size
        available = self._directory.start - self._location.data
        if announced > available:
            raise zipfile.BadZipFile(
                f"{announced:,} bytes are announced, {max(0, available):,} are there"
            )
        self._file.seek(self._location.data)
        info = zipfile.ZipInfo("member")
        info.compress_type = self._entry.method
        info.compress_size, info.file_size = self._entry.compressed_size, self._entry.size
        info.CRC = self._entry.crc
        return zipfile.ZipExtFile(self._file, "r", info)
