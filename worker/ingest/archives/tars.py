"""The members of a tar or a tar.gz, and of tars joined to it, one at a time, in one pass.

`tarfile` reads the headers, and takes a damaged or missing header for the end of the archive. The
subclasses here raise an error instead, limit the memory of a header, and read on behind an end
mark.
"""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from worker.ingest.archives.members import Member
from worker.ingest.archives.names import ESCAPED_BYTE, NameDecoder
from worker.ingest.archives.streams import GzipStream, PlainStream, Readable
from worker.ingest.errors import BrokenArchive
from worker.ingest.limits import Meter
from worker.ingest.notes import Note

HEADER_BYTES = 1 << 20  # of one member with its long name, which may claim gigabytes
DRAIN_BYTES = 1 << 20
MAX_RATIO = 1032  # of deflate: a gzip decompresses to at most this many times its size
EXTENDED = (  # members that belong to the header of the next one
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
)
ENCODING, ERRORS = "utf-8", "surrogateescape"  # keep every byte of a name


def tar_members(
    path: Path, name: str, meter: Meter, *, gzipped: bool, code_page: str | None = None
) -> Iterator[Member | Note]:
    """Every file in the tar at `path`; `name` is the user's name for the tar.

    `code_page` decodes names that are not UTF-8; the tar is then read twice.
    """
    names = NameDecoder(name, code_page)
    has_raw_records = False
    if code_page is not None:
        with path.open("rb") as file:
            tar = _Tar(file, name, meter.fresh(), gzipped)
            unmarked = _Unmarked()
            names.choose_code_page(unmarked.names(tar.headers()))
            has_raw_records = unmarked.has_records
    with path.open("rb") as file:
        tar = _Tar(file, name, meter, gzipped)
        for header in tar.headers():
            if header.isdir():
                continue
            refusal = _refusal(header)
            stream = None if refusal else tar.open(header)
            is_marked = _is_marked(header) and not has_raw_records
            text = header.name if is_marked else names.decode(_raw(header))
            yield Member(text, header.size, file.tell(), stream, refusal)
        yield from tar.notes()
        yield from names.notes()


def _raw(header: tarfile.TarInfo) -> bytes:
    return header.name.encode(ENCODING, ERRORS)


class _Unmarked:
    """Finds the names that are not marked as UTF-8.

    GNU tar and bsdtar write the bytes of a name into its PAX record, in any code page. Where one
    record is not UTF-8, another may be valid UTF-8 by coincidence: the two bytes of "猫" in GBK
    are "è".
    """

    has_records = False  # some PAX records are not UTF-8

    def names(self, headers: Iterator[tarfile.TarInfo]) -> Iterator[bytes]:
        for header in headers:
            if not _is_marked(header):
                self.has_records |= "path" in header.pax_headers
                yield _raw(header)


def _is_marked(header: tarfile.TarInfo) -> bool:
    """Whether the name is in a PAX record, which is UTF-8 unless it declares otherwise."""
    records = header.pax_headers
    is_text = ESCAPED_BYTE.search(header.name) is None
    return "path" in records and "hdrcharset" not in records and is_text


def _refusal(header: tarfile.TarInfo) -> str | None:
    if header.issym() or header.islnk():
        return "link: links are not followed"
    if header.issparse():
        return "special file: a sparse file; make the tar without --sparse"
    if not header.isreg():
        return "special file: neither a file nor a folder"
    return None


class _Tar:
    """One pass over a tar and the tars joined to it."""

    def __init__(self, file: IO[bytes], name: str, meter: Meter, gzipped: bool) -> None:
        self._name = name
        self._length = file.seek(0, io.SEEK_END)
        file.seek(0)
        self._gzip = GzipStream(file, name, meter, keeps_rest=True) if gzipped else None
        self._unpacked = _Unpacked(self._gzip or PlainStream(file, meter), name)
        self._archive: _Archive | None = None
        self._rest_bytes = 0

    def headers(self) -> Iterator[tarfile.TarInfo]:
        """The header of every member. Read its data before requesting the next header."""
        try:
            yield from self._walk()
        except (tarfile.TarError, ValueError, RecursionError) as error:
            # tarfile lets ValueError out of damaged sparse maps, RecursionError out of chains of
            # long names.
            raise BrokenArchive(self._name, str(error)) from error
        while self._unpacked.read(DRAIN_BYTES):
            pass  # read up to the checksum of a gzip, which stands at its end
        assert self._archive is not None
        if self._archive.rest_start is not None:
            self._rest_bytes = self._unpacked.position - self._archive.rest_start

    def open(self, header: tarfile.TarInfo) -> Readable:
        assert self._archive is not None
        data = self._archive.extractfile(header)
        assert data is not None
        return _MemberStream(data, self._name)

    def notes(self) -> Iterator[Note]:
        """Sentences for the report, complete after the last header."""
        assert self._archive is not None
        if self._archive.end_marks > 1:
            joined = f"{self._archive.end_marks} tars joined in one file; all of them were read"
            yield Note(f"{self._name}: {joined}.")
        rests = {"tar": self._rest_bytes, "gzip": self._gzip.rest_bytes if self._gzip else 0}
        for kind, count in rests.items():
            if count:
                rest = f"{count:,} bytes behind the end of the {kind} are not a {kind}"
                yield Note(f"{self._name}: {rest} and were not read.")

    def _walk(self) -> Iterator[tarfile.TarInfo]:
        unpacked = self._unpacked
        unpacked.allow(HEADER_BYTES)
        archive = self._archive = _Archive.open(
            fileobj=unpacked, mode="r|", tarinfo=_StrictHeader, encoding=ENCODING, errors=ERRORS
        )
        archive.unpacked = unpacked
        assert archive.fileobj is not None
        max_offset = self._length if self._gzip is None else self._length * MAX_RATIO
        while True:
            unread = max(0, archive.offset - archive.fileobj.tell())
            unpacked.allow(unread + HEADER_BYTES)
            unpacked.needed = archive.offset
            header = archive.next()
            unpacked.allow(None)
            if header is None:
                return
            if header.size < 0 or archive.offset > max_offset:
                raise BrokenArchive(
                    self._name,
                    f"a header in it announces {_digits(header.size)} bytes, and the whole file "
                    f"has {self._length:,}",
                )
            # tarfile keeps both for random access, which a stream does not have.
            archive.members = []
            archive.pax_headers = {}
            yield header


def _digits(size: int) -> str:
    return f"{size:,}" if abs(size) < 1e18 else f"{size:.0e}"


class _Archive(tarfile.TarFile):
    """A tar with the number of its end marks, and the offset of data that is not a tar."""

    members: list[tarfile.TarInfo]  # typeshed knows only getmembers
    unpacked: "_Unpacked | None" = None
    end_marks = 0
    rest_start: int | None = None


class _StrictHeader(tarfile.TarInfo):
    """Raises an error for a damaged or missing header, which `tarfile` takes for the end.

    Reads on behind an end mark, as GNU tar does with --ignore-zeros.
    """

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        assert isinstance(archive, _Archive)
        is_end = False
        while True:
            try:
                return super().fromtarfile(archive)
            except tarfile.HeaderError as error:
                if isinstance(error, tarfile.EOFHeaderError):  # type: ignore[attr-defined]
                    archive.end_marks += not is_end
                    is_end = True
                    if archive.unpacked is not None:
                        archive.unpacked.allow(HEADER_BYTES)  # zeros do not count
                    continue
                if not is_end:
                    raise tarfile.ReadError(f"after {archive.offset:,} bytes: {error}") from error
                if not isinstance(error, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
                    read = archive.fileobj.tell()
                    archive.rest_start = (read - 1) // tarfile.BLOCKSIZE * tarfile.BLOCKSIZE
                raise tarfile.EOFHeaderError from error  # type: ignore[attr-defined]

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        if buf and not buf.strip(b"\0"):  # padding may end within a block
            raise tarfile.EOFHeaderError("end of file header")  # type: ignore[attr-defined]
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0:
            raise tarfile.HeaderError(f"a size of {_digits(header.size)} bytes")
        if header.type in EXTENDED and header.size > HEADER_BYTES:
            raise tarfile.HeaderError("a header in it is too long")
        return header


class _Unpacked(io.BufferedIOBase):
    """The unpacked bytes of a tar; their number is limited while `tarfile` reads a header."""

    def __init__(self, stream: Readable, name: str) -> None:
        self._stream = stream
        self._name = name
        self._allowed: int | None = None
        self.position = 0
        self.needed = 0  # the offset that must exist: `tarfile` would seek beyond the end

    def allow(self, count: int | None) -> None:
        """Limit the bytes that may be read from here on; None removes the limit."""
        self._allowed = count

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        data = self._stream.read(size)
        self.position += len(data)
        if not data and self.position < self.needed:
            raise BrokenArchive(self._name, "it ends within a file")
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
