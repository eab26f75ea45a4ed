"""The central directory (table of contents) of a zip, read one entry at a time.

APPNOTE.TXT 6.3 describes the records. The docstring of `zips` gives the reasons against `zipfile`.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
MAX_JOINED = 1000  # zips in one file: the search for each reads up to 64 KiB
ZIP_64_EXTRA = 1
UNICODE_PATH_EXTRA = 0x7075
ENCRYPTED = 0x1 | 0x40 | 0x2000  # flags: the data, strong encryption, the directory
UTF_8_NAME = 0x800
ON_UNIX = 3
METHODS = {9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz", 98: "PPMd", 99: "AES"}


@dataclass(frozen=True)
class Directory:
    """Where a central directory is in the file.

    Its offsets count from `base`, the start of its zip in the file. macOS writes zips of more than
    4 GiB without zip64: an offset is then modulo 2**32, and lacks up to `wraps` times 2**32.
    """

    start: int
    size: int
    entries: int
    base: int
    wraps: int
    end: int  # of the end record behind it, comment included


@dataclass(frozen=True)
class Entry:
    raw_name: bytes
    unicode_name: str | None  # where the zip marks the name as UTF-8
    flags: int
    method: int
    crc: int
    compressed_size: int
    size: int
    offset: int
    mode: int  # Unix file mode, 0 where unknown

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


def find_directories(file: IO[bytes], name: str) -> list[Directory]:
    """The central directories in the order of the file, one for each of the joined zips."""
    end = file.seek(0, 2)
    directory = _find_directory(file, end, name)
    directories = [directory]
    while directory.base > 0 or directory.wraps:
        earlier = _find_joined(file, directory, name)
        if earlier is None:
            break
        if len(directories) == MAX_JOINED:
            raise IngestError(
                f"{name}: more than {MAX_JOINED:,} zips are joined in one file: upload fewer at a "
                "time, or one zip of all their files"
            )
        directory, directories[0] = earlier
        directories.insert(0, directory)
    return directories


def ends_as_zip(file: IO[bytes]) -> bool:
    """Whether the file ends with the end record of a zip, whatever it begins with."""
    start = max(0, file.seek(0, 2) - END.size - MAX_COMMENT_BYTES)
    file.seek(start)
    tail = file.read()
    offset = tail.rfind(END_SIGNATURE)
    if offset < 0 or len(tail) - offset < END.size:
        return False
    comment: int = END.unpack_from(tail, offset)[-1]
    return offset + END.size + comment == len(tail)


def _find_joined(
    file: IO[bytes], directory: Directory, name: str
) -> tuple[Directory, Directory] | None:
    """The directory of the zip joined directly before that of `directory`, and `directory` with
    its base corrected by it."""
    for wraps in range(directory.wraps, -1, -1):
        base = directory.base + (wraps << 32)
        try:
            earlier = _find_directory(file, base, name) if base else None
        except BrokenArchive:
            continue
        if earlier is not None and earlier.end == base:
            return earlier, replace(directory, base=base, wraps=directory.wraps - wraps)
    return None


def _find_directory(file: IO[bytes], limit: int, name: str) -> Directory:
    """The last central directory before the offset `limit`, by its end record."""
    tail_start = max(0, limit - END.size - MAX_COMMENT_BYTES)
    file.seek(tail_start)
    tail = file.read(limit - tail_start)
    fault: BrokenArchive | None = None
    index = len(tail)
    while (index := tail.rfind(END_SIGNATURE, 0, index)) >= 0:
        if len(tail) - index < END.size:
            continue
        try:
            return _read_end(file, tail[index:], tail_start + index, name)
        except BrokenArchive as error:  # the signature may also occur in a comment by chance
            fault = fault or error
    missing = "its end, which holds its table of contents, is missing"
    file.seek(0)
    if file.read(len(FIRST_PART)) == FIRST_PART:
        missing = ONE_PART
    raise fault or BrokenArchive(name, missing)


def _read_end(file: IO[bytes], record: bytes, record_start: int, name: str) -> Directory:
    _, disk, _, _, entries, size, offset, comment = END.unpack_from(record)
    end = record_start + END.size + min(comment, len(record) - END.size)
    zip64 = _find_zip64_directory(file, record_start)
    if zip64 is not None:
        disk, entries, size, offset, record_start = zip64
    start = record_start - size
    if disk != 0:
        raise BrokenArchive(name, ONE_PART)
    if start < offset:
        raise BrokenArchive(name, "its table of contents is not where it should be")
    file.seek(start)
    if size and file.read(len(ENTRY_SIGNATURE)) != ENTRY_SIGNATURE:
        raise BrokenArchive(name, "its table of contents is damaged after 0 entries")
    base, wraps = start - offset, 0
    if zip64 is None:
        wraps, base = divmod(base, 1 << 32)
    return Directory(start, size, entries, base, wraps, end)


def _find_zip64_directory(file: IO[bytes], end: int) -> tuple[int, int, int, int, int] | None:
    """(disk, entries, size, offset, start of the record) of a zip64, None for a plain zip."""
    record_start = end - END_64_LOCATOR.size - END_64.size
    if record_start < 0:
        return None
    file.seek(record_start)
    record = file.read(END_64.size)
    if not (record.startswith(b"PK\x06\x06") and file.read(4) == b"PK\x06\x07"):
        return None
    _, _, _, _, disk, _, _, entries, size, offset = END_64.unpack(record)
    return disk, entries, size, offset, record_start


def read_entries(file: IO[bytes], directory: Directory, name: str) -> Iterator[Entry]:
    """Every entry of the directory. Do not move `file` during the iteration."""
    file.seek(directory.start)
    count, left = 0, directory.size
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
    if (count - directory.entries) % 65536:  # macOS writes the count modulo 2**16
        raise BrokenArchive(
            name, f"it names {count:,} of the {directory.entries:,} files it announces"
        )


def _read_entry(fields: tuple[int, ...], raw_name: bytes, extra: bytes) -> Entry:
    _, made_by, _, flags, method, _, _, crc, compressed_size, size = fields[:10]
    attributes, offset = fields[15:17]
    extras = _read_extras(extra)
    zip64 = extras.get(ZIP_64_EXTRA, b"")
    numbers = [int.from_bytes(zip64[at : at + 8], "little") for at in range(0, len(zip64) - 7, 8)]
    # The extra field holds only the numbers that do not fit into 32 bits, in this order.
    size, compressed_size, offset = (
        numbers.pop(0) if number == 0xFFFFFFFF and numbers else number
        for number in (size, compressed_size, offset)
    )
    unicode_name = _unicode_path(extras.get(UNICODE_PATH_EXTRA, b""), raw_name)
    if unicode_name is None and flags & UTF_8_NAME:
        unicode_name = _utf_8(raw_name)
    mode = attributes >> 16 if made_by >> 8 == ON_UNIX else 0
    return Entry(raw_name, unicode_name, flags, method, crc, compressed_size, size, offset, mode)


def _read_extras(extra: bytes) -> dict[int, bytes]:
    """The extra fields by their kinds; the first of several of one kind."""
    fields: dict[int, bytes] = {}
    offset = 0
    while offset + EXTRA.size <= len(extra):
        kind, size = EXTRA.unpack_from(extra, offset)
        offset += EXTRA.size
        fields.setdefault(kind, extra[offset : offset + size])
        offset += size
    return fields


def _unicode_path(field: bytes, raw_name: bytes) -> str | None:
    """The name in UTF-8; None where the raw name was changed after the field was written."""
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
