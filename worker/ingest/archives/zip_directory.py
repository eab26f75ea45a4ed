"""The tables of contents of a zip, as APPNOTE.TXT 6.3 lays them out, read an entry at a time."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from worker.ingest.errors import BrokenArchive, IngestError

END = struct.Struct("<4s4H2LH")
END_64_LOCATOR = struct.Struct("<4sLQL")
END_64 = struct.Struct("<4sQ2H2L4Q")
ENTRY = struct.Struct("<4s6H3L5H2L")
EXTRA = struct.Struct("<2H")
UNICODE_PATH = struct.Struct("<BL")

END_SIGNATURE, ENTRY_SIGNATURE = b"PK\x05\x06", b"PK\x01\x02"
MAX_COMMENT_BYTES = 65535
FIRST_PART = b"PK\x07\x08"  # APPNOTE.TXT, 8.5.3
ONE_PART = "it is one part of several (zip -s 0 PARTS.zip --out WHOLE.zip joins them)"
MAX_JOINED = 1000  # zips in one file: finding each takes a look at up to 64 KiB before it
ZIP_64_EXTRA = 1
UNICODE_PATH_EXTRA = 0x7075
ENCRYPTED = 0x1 | 0x40 | 0x2000  # flags: the data, strongly, the table too
UTF_8_NAME = 0x800
ON_UNIX = 3
METHODS = {9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz", 98: "PPMd", 99: "AES"}


@dataclass(frozen=True)
class Table:
    """One central directory.

    Offsets in it count from `base`, where its zip begins in the file. macOS writes zips of more
    than 4 GiB without zip64: their offsets are modulo 2**32, and up to `wraps` times 2**32 is
    missing from each.
    """

    start: int
    size: int
    entries: int
    base: int
    wraps: int
    end: int  # behind it, the record that names it, and that record's comment


@dataclass(frozen=True)
class Entry:
    raw_name: bytes
    unicode_name: str | None  # where the zip says that it is UTF-8
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


def find_tables(file: IO[bytes], name: str) -> list[Table]:
    """The tables in the order of the file: one, or one of each zip where several were joined."""
    end = file.seek(0, 2)
    table = _find_table(file, end, name)
    tables = [table]
    while table.base > 0 or table.wraps:
        earlier = _find_joined(file, table, name)
        if earlier is None:
            break
        if len(tables) == MAX_JOINED:
            raise IngestError(
                f"{name}: more than {MAX_JOINED:,} zips are joined in one file: upload fewer at a "
                "time, or one zip of all their files"
            )
        table, tables[0] = earlier
        tables.insert(0, table)
    return tables


def ends_as_zip(file: IO[bytes]) -> bool:
    """Whether the file ends with the record that ends a zip, whatever it begins with."""
    start = max(0, file.seek(0, 2) - END.size - MAX_COMMENT_BYTES)
    file.seek(start)
    tail = file.read()
    place = tail.rfind(END_SIGNATURE)
    if place < 0 or len(tail) - place < END.size:
        return False
    comment: int = END.unpack_from(tail, place)[-1]
    return place + END.size + comment == len(tail)


def _find_joined(file: IO[bytes], table: Table, name: str) -> tuple[Table, Table] | None:
    """The table of a zip that ends where `table`'s own zip begins, and `table` with that base."""
    for wraps in range(table.wraps, -1, -1):
        base = table.base + (wraps << 32)
        try:
            earlier = _find_table(file, base, name) if base else None
        except BrokenArchive:
            continue
        if earlier is not None and earlier.end == base:
            left = table.wraps - wraps
            return earlier, Table(
                table.start, table.size, table.entries, base, left, table.end
            )  # fmt: skip
    return None


def _find_table(file: IO[bytes], limit: int, name: str) -> Table:
    """The last table of contents before `limit`, from the record that ends a zip."""
    tail_start = max(0, limit - END.size - MAX_COMMENT_BYTES)
    file.seek(tail_start)
    tail = file.read(limit - tail_start)
    fault: BrokenArchive | None = None
    place = len(tail)
    while (place := tail.rfind(END_SIGNATURE, 0, place)) >= 0:
        if len(tail) - place < END.size:
            continue
        try:
            return _read_end(file, tail[place:], tail_start + place, name)
        except BrokenArchive as error:  # or four bytes of a comment, by chance
            fault = fault or error
    missing = "its end, which holds its table of contents, is missing"
    file.seek(0)
    if file.read(len(FIRST_PART)) == FIRST_PART:
        missing = ONE_PART
    raise fault or BrokenArchive(name, missing)


def _read_end(file: IO[bytes], record: bytes, place: int, name: str) -> Table:
    _, disk, _, _, entries, size, offset, comment = END.unpack_from(record)
    end = place + END.size + min(comment, len(record) - END.size)
    wide = _find_wide_table(file, place)
    if wide is not None:
        disk, entries, size, offset, place = wide
    start = place - size
    if disk != 0:
        raise BrokenArchive(name, ONE_PART)
    if start < offset:
        raise BrokenArchive(name, "its table of contents is not where it should be")
    file.seek(start)
    if size and file.read(len(ENTRY_SIGNATURE)) != ENTRY_SIGNATURE:
        raise BrokenArchive(name, "its table of contents is damaged after 0 entries")
    base, wraps = start - offset, 0
    if wide is None:
        wraps, base = divmod(base, 1 << 32)
    return Table(start, size, entries, base, wraps, end)


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


def read_entries(file: IO[bytes], table: Table, name: str) -> Iterator[Entry]:
    """Every entry of the table. Nothing else may move `file` meanwhile."""
    file.seek(table.start)
    count, left = 0, table.size
    while left > 0:
        header = file.read(ENTRY.size)
        if len(header) < ENTRY.size or not header.startswith(ENTRY_SIGNATURE):
            raise BrokenArchive(name, f"its table of contents is damaged after {count:,} entries")
        fields = ENTRY.unpack(header)
        name_size, extra_size, comment_size = fields[10:13]
        variable = file.read(name_size + extra_size + comment_size)
        yield _read_entry(fields, variable[:name_size], variable[name_size:][:extra_size])
        count += 1
        left -= ENTRY.size + len(variable)
    if (count - table.entries) % 65536:  # macOS counts in 16 bits, however many there are
        raise BrokenArchive(name, f"it names {count:,} of the {table.entries:,} files it announces")


def _read_entry(fields: tuple[int, ...], raw_name: bytes, extra: bytes) -> Entry:
    _, made_by, _, flags, method, _, _, crc, packed, size = fields[:10]
    attributes, offset = fields[15:17]
    extras = _read_extras(extra)
    wide = extras.get(ZIP_64_EXTRA, b"")
    numbers = [int.from_bytes(wide[at : at + 8], "little") for at in range(0, len(wide) - 7, 8)]
    # Only what did not fit its 32 bits is in the extra field, in this order.
    size, packed, offset = (
        numbers.pop(0) if number == 0xFFFFFFFF and numbers else number
        for number in (size, packed, offset)
    )
    unicode_name = _unicode_path(extras.get(UNICODE_PATH_EXTRA, b""), raw_name)
    if unicode_name is None and flags & UTF_8_NAME:
        unicode_name = _utf_8(raw_name)
    mode = attributes >> 16 if made_by >> 8 == ON_UNIX else 0
    return Entry(raw_name, unicode_name, flags, method, crc, packed, size, offset, mode)


def _read_extras(extra: bytes) -> dict[int, bytes]:
    """The extra fields by their kinds; of two of one kind the first."""
    fields: dict[int, bytes] = {}
    place = 0
    while place + EXTRA.size <= len(extra):
        kind, size = EXTRA.unpack_from(extra, place)
        place += EXTRA.size
        fields.setdefault(kind, extra[place : place + size])
        place += size
    return fields


def _unicode_path(field: bytes, raw_name: bytes) -> str | None:
    """The name in UTF-8, unless the raw name was changed after this field was written."""
    if len(field) < UNICODE_PATH.size:
        return None
    version, crc = UNICODE_PATH.unpack_from(field)
    if version != 1 or crc != zlib.crc32(raw_name):
        return None
    return _utf_8(field[UNICODE_PATH.size :])


def _utf_8(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
