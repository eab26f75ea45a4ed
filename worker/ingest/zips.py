"""The members of a zip, one at a time.

`zipfile` reads the whole table of contents into memory, up to a gigabyte per million members;
here only the entry at hand is. The table is read as APPNOTE.TXT 6.3 lays it out, and `zipfile`
unpacks the data.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from worker.ingest.errors import BrokenArchive, Rejected
from worker.ingest.members import Member
from worker.ingest.meter import Meter

END = struct.Struct("<4s4H2LH")
END_64_LOCATOR = struct.Struct("<4sLQL")
END_64 = struct.Struct("<4sQ2H2L4Q")
ENTRY = struct.Struct("<4s6H3L5H2L")
LOCAL = struct.Struct("<4s5H3L2H")
EXTRA = struct.Struct("<2H")

MAX_COMMENT_BYTES = 65535
ZIP_64_EXTRA = 1
ENCRYPTED = 0x1 | 0x40 | 0x2000  # flags: the data, strongly, the table too
UTF_8_NAME = 0x800
ON_UNIX = 3
METHODS = {9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz", 98: "PPMd", 99: "AES"}


def zip_members(path: Path, name: str, meter: Meter) -> Iterator[Member]:
    """Every file in the zip at `path`; `name` is what its user calls it."""
    with path.open("rb") as table_file, path.open("rb") as data_file:
        table = _find_table(table_file, name)
        for entry in _entries(table_file, table, name):
            meter.tick()
            if entry.name.endswith("/"):
                continue
            stream, refusal = None, entry.refusal
            if refusal is None:
                stream = _MemberStream(data_file, entry, table, meter)
            yield Member(entry.name, entry.size, min(entry.offset, table.start), stream, refusal)


@dataclass(frozen=True)
class _Table:
    """The central directory; `shift` is the length of what stands before the zip in its file."""

    start: int
    size: int
    entries: int
    shift: int


@dataclass(frozen=True)
class _Entry:
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int  # of Unix, 0 where unknown

    @property
    def refusal(self) -> str | None:
        if stat.S_IFMT(self.mode) == stat.S_IFLNK:
            return "link: links are not followed"
        if stat.S_IFMT(self.mode) not in (0, stat.S_IFREG):
            return "special file: neither a file nor a folder"
        if self.flags & ENCRYPTED:
            return "encrypted: make the zip without a password"
        if self.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            method = METHODS.get(self.method, f"method {self.method}")
            return f"unsupported compression: {method}; make the zip with deflate"
        return None


def _find_table(file: IO[bytes], name: str) -> _Table:
    """The table of contents, from the record that ends a zip."""
    length = file.seek(0, 2)
    tail_start = max(0, length - END.size - MAX_COMMENT_BYTES)
    file.seek(tail_start)
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < END.size:
        raise BrokenArchive(name, "its end, which holds its table of contents, is missing")
    _, disk, _, _, entries, size, offset, _ = END.unpack_from(tail, place)
    end = tail_start + place
    wide = _find_wide_table(file, end)
    if wide is not None:
        disk, entries, size, offset, end = wide
    start = end - size
    if disk != 0:
        raise BrokenArchive(name, "it is one part of several")
    if start < offset:
        raise BrokenArchive(name, "its table of contents is not where it should be")
    return _Table(start, size, entries, start - offset)


def _find_wide_table(file: IO[bytes], end: int) -> tuple[int, int, int, int, int] | None:
    """(disk, entries, size, offset, where the record begins) of a zip64, None for another."""
    record_start = end - END_64_LOCATOR.size - END_64.size
    if record_start < 0:
        return None
    file.seek(record_start)
    record = file.read(END_64.size)
    if not (record.startswith(b"PK\x06\x06") and file.read(4) == b"PK\x06\x07"):
        return None
    _, _, _, _, disk, _, _, entries, size, offset = END_64.unpack(record)
    return disk, entries, size, offset, record_start


def _entries(file: IO[bytes], table: _Table, name: str) -> Iterator[_Entry]:
    file.seek(table.start)
    count, left = 0, table.size
    while left > 0:
        header = file.read(ENTRY.size)
        if len(header) < ENTRY.size or not header.startswith(b"PK\x01\x02"):
            raise BrokenArchive(name, f"its table of contents is damaged after {count:,} entries")
        fields = ENTRY.unpack(header)
        name_size, extra_size, comment_size = fields[10:13]
        variable = file.read(name_size + extra_size + comment_size)
        yield _read_entry(fields, variable[:name_size], variable[name_size:][:extra_size])
        count += 1
        left -= ENTRY.size + len(variable)
    if (count - table.entries) % 65536:  # macOS counts in 16 bits, however many there are
        raise BrokenArchive(name, f"it names {count:,} of the {table.entries:,} files it announces")


def _read_entry(fields: tuple[int, ...], raw_name: bytes, extra: bytes) -> _Entry:
    _, made_by, _, flags, method, _, _, crc, packed, size = fields[:10]
    attributes, offset = fields[15:17]
    wide = _wide_fields(extra)
    # Only what did not fit its 32 bits is in the extra field, in this order.
    numbers = [
        wide.pop(0) if number == 0xFFFFFFFF and wide else number
        for number in (size, packed, offset)
    ]
    size, packed, offset = numbers
    mode = attributes >> 16 if made_by >> 8 == ON_UNIX else 0
    return _Entry(_decode(raw_name, flags), flags, method, crc, packed, size, offset, mode)


def _wide_fields(extra: bytes) -> list[int]:
    place = 0
    while place + EXTRA.size <= len(extra):
        kind, size = EXTRA.unpack_from(extra, place)
        place += EXTRA.size
        if kind == ZIP_64_EXTRA:
            count = min(size, len(extra) - place) // 8
            return list(struct.unpack_from(f"<{count}Q", extra, place))
        place += size
    return []


def _decode(raw: bytes, flags: int) -> str:
    """macOS writes UTF-8 without saying so; old zips are in the code page of the first PC."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode(errors="replace") if flags & UTF_8_NAME else raw.decode("cp437")


class _MemberStream:
    """The unpacked data of one member, at most the size it declares, checked at its end."""

    def __init__(self, file: IO[bytes], entry: _Entry, table: _Table, meter: Meter) -> None:
        self._file = file
        self._entry = entry
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
        start = self._entry.offset + self._table.shift
        self._file.seek(min(start, self._table.start))  # nothing of a member is behind the table
        header = self._file.read(LOCAL.size)
        if len(header) < LOCAL.size or not header.startswith(b"PK\x03\x04"):
            raise zipfile.BadZipFile("it is not where the table of contents says")
        name_size, extra_size = LOCAL.unpack(header)[9:11]
        self._file.seek(name_size + extra_size, 1)
        info = zipfile.ZipInfo("member")
        info.compress_type = self._entry.method
        info.compress_size, info.file_size = self._entry.packed, self._entry.size
        info.CRC = self._entry.crc
        return zipfile.ZipExtFile(self._file, "r", info)
