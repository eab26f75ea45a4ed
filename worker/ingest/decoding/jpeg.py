"""A JPEG, read so that damaged metadata does not decide whether it is a picture.

JPEG: ITU-T T.81, annex B. Pillow reads metadata that no pixel needs, and refuses the file when it
is damaged; it gets a stream without.
"""

import io
import re
from collections.abc import Iterator

from worker.ingest.errors import Rejected

START_OF_SCAN, COMMENT, JFIF, ADOBE = 0xDA, 0xFE, 0xE0, 0xEE
# By their marker, metadata that colours or orientation depend on: how it begins, and its least
# length. EXIF, XMP and the profile are checked where they are used.
KEPT = {
    JFIF: ((b"JFIF\0",), 14),
    0xE1: ((b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"), 8),
    0xE2: ((b"ICC_PROFILE\0",), 14),
    ADOBE: ((b"Adobe",), 12),
}
PICTURES = (b"MPF\0",)  # of several in one file (CIPA DC-007)
END = b"\xff\xd9"
MAX_SEGMENTS = 10_000  # metadata in several segments has thousands at most
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # all but those within the data of a scan
MAX_SCANS = 500  # an encoder makes about ten, and libjpeg goes through all pixels for each
# Behind the last pixel nobody reads them; behind a cut they become pixels of their own.
STRAY = bytes((0x55, 0xAA, 0x2D, 0x96)) * 32


class JpegFile:
    def __init__(self, data: bytes) -> None:
        self.has_several = False
        self.is_metadata_damaged = False
        view, kept = memoryview(data), [b"\xff\xd8"]
        dropped, rest = False, 2
        for number, (marker, start, end, is_lost) in enumerate(_segments(data)):
            if number == MAX_SEGMENTS:
                raise Rejected(f"damaged: a JPEG of more than {MAX_SEGMENTS:,} segments")
            rest = end
            self.is_metadata_damaged |= is_lost
            body = bytes(view[start + 4 : min(start + 64, end)])
            if marker == 0xE2 and body.startswith(PICTURES):
                self.has_several = True
            if is_lost or not _is_kept(marker, body, end - start - 4):
                dropped = True
            else:
                kept.append(bytes(view[start:end]))
        if _has_too_many_scans(data, rest):
            raise Rejected(f"not read: a JPEG of more than {MAX_SCANS} scans; save it anew")
        self._data = data
        self._clean = [*kept, view[rest:]] if dropped else [view]

    def stream(self, end: bytes = b"") -> io.BytesIO:
        """What Pillow is to read, with `end` behind it."""
        stream = io.BytesIO()
        for part in (*self._clean, end):
            stream.write(part)
        stream.seek(0)
        return stream

    @property
    def ends(self) -> bool:
        return END in self._data[-1024:]


def _is_kept(marker: int, body: bytes, size: int) -> bool:
    if not (0xE0 <= marker <= 0xEF or marker == COMMENT):
        return True
    starts, least = KEPT.get(marker, ((), 0))
    return size >= least and body.startswith(starts)


def _has_too_many_scans(data: bytes, place: int) -> bool:
    """Of what stands from `place`, the first scan, to the end of the picture."""
    scans = 0
    while scans <= MAX_SCANS and (found := MARKER.search(data, place)):
        marker, place = data[found.start() + 1], found.end()
        if marker == END[1]:
            break
        scans += marker == START_OF_SCAN
        place += int.from_bytes(data[place : place + 2], "big")
    return scans > MAX_SCANS


def _segments(data: bytes) -> Iterator[tuple[int, int, int, bool]]:
    """(marker, start, end, whether it is damaged) up to the first scan, which begins where the last
    one ends. What is no segment is skipped up to the next marker, as libjpeg does; metadata that
    claims more bytes than there are, up to the next table."""
    place = 2
    while (start := data.find(b"\xff", place)) >= 0 and start + 4 <= len(data):
        marker = data[start + 1]
        if marker in (0x00, 0xFF):
            place = start + 1
            continue
        if start > place:
            yield 0, place, start, True
        if marker == START_OF_SCAN:
            return
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        if end <= start + 3 or end > len(data):
            if not 0xE0 <= marker <= COMMENT:
                return
            end = data.find(b"\xff\xdb", start + 4)
            if end < 0:
                raise Rejected("truncated: the file ends before the picture does")
            yield marker, start, end, True
        else:
            yield marker, start, end, False
        place = end
