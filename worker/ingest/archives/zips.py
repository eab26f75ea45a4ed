"""The members of a zip, one at a time.

`zipfile` reads the whole table of contents into memory, up to a gigabyte per million members;
here only the entry at hand is. `zipfile` unpacks the data.
"""

import itertools
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from worker.ingest.archives.members import Member, Notice
from worker.ingest.archives.names import NameDecoder
from worker.ingest.archives.zip_directory import Entry, Table, find_tables, read_entries
from worker.ingest.errors import Rejected
from worker.ingest.limits import Meter

LOCAL = struct.Struct("<4s5H3L2H")
LOCAL_SIGNATURE = b"PK\x03\x04"
MAX_DESCRIPTOR_BYTES = 24  # sizes and checksum behind the data of what was written to a pipe
DEFAULT_CODE_PAGE = "cp437"  # APPNOTE.TXT, appendix D: that of the first PC
WRAP = 1 << 32


def zip_members(
    path: Path, name: str, meter: Meter, code_page: str | None = None
) -> Iterator[Member | Notice]:
    """Every file in the zip at `path`; `name` is what its user calls it.

    `code_page` decodes names that are not UTF-8.
    """
    with path.open("rb") as table_file, path.open("rb") as data_file:
        tables = find_tables(table_file, name)
        names = NameDecoder(name, code_page, DEFAULT_CODE_PAGE)
        names.choose_code_page(
            raw_name
            for table in tables
            for raw_name in _unmarked_names(table_file, table, name, meter)
        )
        for table in tables:
            reader = _ZipReader(table_file, data_file, table, name, meter)
            yield from reader.members(names)
            yield from reader.notices()
        yield from map(Notice, names.notes())
        yield from _about_the_rest(name, tables, path.stat().st_size)


def _unmarked_names(file: IO[bytes], table: Table, name: str, meter: Meter) -> Iterator[bytes]:
    for entry in read_entries(file, table, name):
        meter.tick()
        if entry.unicode_name is None:
            yield entry.raw_name


def _about_the_rest(name: str, tables: list[Table], length: int) -> Iterator[Notice]:
    if len(tables) > 1:
        yield Notice(f"{name}: {len(tables)} zips joined in one file; all of them were read.")
    before, behind = tables[0].base, length - tables[-1].end
    if before and not tables[0].wraps:
        yield Notice(f"{name}: {before:,} bytes before the zip were not read.")
    if behind:
        yield Notice(f"{name}: {behind:,} bytes behind the end of the zip were not read.")


@dataclass(frozen=True)
class _Place:
    """Where an entry's local header begins, and its data; None where there is no such header."""

    header: int
    data: int | None


class _ZipReader:
    """Reads one zip of a file in which several may be joined."""

    def __init__(
        self, table_file: IO[bytes], data_file: IO[bytes], table: Table, name: str, meter: Meter
    ) -> None:
        self._table_file = table_file
        self._file = data_file
        self._table = table
        self._name = name
        self._meter = meter
        self._wraps = 0  # of the entry at hand
        self._unlisted = 0
        self._packed = 0  # of the entries so far

    def members(self, names: NameDecoder) -> Iterator[Member]:
        end = self._table.base  # of what was read so far
        is_in_order = self._table.wraps == 0
        for (entry, place), (_, following) in itertools.pairwise(self._placed()):
            assert entry is not None, "only the last, which no pair begins with"
            self._meter.tick()
            is_in_order = is_in_order and end <= place.header
            if is_in_order:
                self._look_between(end, place.header)
            end = place.header if place.data is None else place.data + entry.packed
            name = entry.unicode_name or names.decode(entry.raw_name)
            if name.endswith("/") or (name.endswith("\\") and entry.size == 0):
                continue
            stream, refusal = None, entry.refusal or self._overlap(entry, place)
            if refusal is None:
                stream = _MemberStream(self._file, entry, place, self._table, self._meter)
            size = entry.size + self._wrapped_bytes(entry, place, following.header)
            yield Member(name, size, min(place.header, self._table.start), stream, refusal)
        if is_in_order:
            self._look_between(end, self._table.start)

    def _overlap(self, entry: Entry, place: _Place) -> str | None:
        """Why an entry is refused whose data must be another's too: many may share one bomb."""
        available = self._table.start - self._table.base
        if place.data is not None and entry.packed <= available:
            self._packed += entry.packed
        if self._packed > available:
            return "damaged in its zip: files in it overlap, which together are larger than the zip"
        return None

    def notices(self) -> Iterator[Notice]:
        if self._unlisted:
            yield Notice(
                f"{self._name}: files that its table of contents does not list stand in at least "
                f"{self._unlisted:,} places; they were not read."
            )

    def _placed(self) -> Iterator[tuple[Entry | None, _Place]]:
        """Every entry with its place; last, None at the start of the table."""
        for entry in read_entries(self._table_file, self._table, self._name):
            yield entry, self._find(entry)
        yield None, _Place(self._table.start, None)

    def _find(self, entry: Entry) -> _Place:
        """Where the entry is. Only a header with its name tells a wrapped offset from another."""
        offset = self._table.base + entry.offset
        later = range(self._wraps, self._table.wraps + 1)
        for wraps in (*later, *range(self._wraps)):
            place = self._read_header(offset + wraps * WRAP, entry)
            if place.data is not None:
                self._wraps = wraps
                return place
        return _Place(offset, None)

    def _read_header(self, offset: int, entry: Entry) -> _Place:
        if offset >= self._table.start:  # nothing of a member is behind the table
            return _Place(offset, None)
        self._file.seek(offset)
        header = self._file.read(LOCAL.size)
        if len(header) < LOCAL.size or not header.startswith(LOCAL_SIGNATURE):
            return _Place(offset, None)
        name_size, extra_size = LOCAL.unpack(header)[9:11]
        if self._table.wraps and self._file.read(name_size) != entry.raw_name:
            return _Place(offset, None)
        return _Place(offset, offset + LOCAL.size + name_size + extra_size)

    def _wrapped_bytes(self, entry: Entry, place: _Place, following: int) -> int:
        """What a size modulo 2**32 lacks, where the next header is further away than it says."""
        if self._table.wraps == 0 or place.data is None:
            return 0
        return max(0, following - place.data - entry.packed) // WRAP * WRAP

    def _look_between(self, end: int, start: int) -> None:
        """Count a file between two listed ones, directly behind the first or its descriptor."""
        if end + LOCAL.size > start:
            return
        self._file.seek(end)
        gap = self._file.read(min(MAX_DESCRIPTOR_BYTES + len(LOCAL_SIGNATURE), start - end))
        self._unlisted += LOCAL_SIGNATURE in gap


class _MemberStream:
    """The unpacked data of one member, at most the size it declares, checked at its end."""

    def __init__(
        self, file: IO[bytes], entry: Entry, place: _Place, table: Table, meter: Meter
    ) -> None:
        self._file = file
        self._entry = entry
        self._place = place
        self._table = table
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
        if self._place.data is None:
            raise zipfile.BadZipFile("it is not where the table of contents says")
        available = self._table.start - self._place.data
        if self._entry.packed > available:
            raise zipfile.BadZipFile(
                f"{self._entry.packed:,} bytes are announced, {max(0, available):,} are there"
            )
        self._file.seek(self._place.data)
        info = zipfile.ZipInfo("member")
        info.compress_type = self._entry.method
        info.compress_size, info.file_size = self._entry.packed, self._entry.size
        info.CRC = self._entry.crc
        return zipfile.ZipExtFile(self._file, "r", info)
