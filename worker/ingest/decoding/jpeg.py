"""JPEG: damaged metadata does not make an image unusable.

Pillow refuses a file if any of its metadata is damaged, though the pixels do not depend on it. It
is therefore given a stream without the metadata that does not affect the image. JPEG: ITU-T T.81,
annex B.
"""

import io
import re
from collections.abc import Iterator

from PIL import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from worker.ingest.decoding.decoder import TRUNCATED, Decoder, load, open_with
from worker.ingest.decoding.rasters import ImageRaster, Raster
from worker.ingest.errors import Rejected

START_OF_SCAN, COMMENT, JFIF, ADOBE = 0xDA, 0xFE, 0xE0, 0xEE
# By marker, the metadata on which colours or orientation depend: how its body begins, and its
# least length. EXIF, XMP and the profile are checked where they are used.
KEPT = {
    JFIF: ((b"JFIF\0",), 14),
    0xE1: ((b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"), 8),
    0xE2: ((b"ICC_PROFILE\0",), 14),
    ADOBE: ((b"Adobe",), 12),
}
SEVERAL_IMAGES = b"MPF\0"  # the index of several images in one file (CIPA DC-007)
END = b"\xff\xd9"
MAX_SEGMENTS = 10_000  # metadata in several segments has thousands at most
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # all but those within the data of a scan
MAX_SCANS = 500  # encoders write about ten, and libjpeg goes through all pixels for each
# Bytes that libjpeg ignores behind the last pixel, and decodes as pixels where some are missing.
TRAILING_BYTES = bytes((0x55, 0xAA, 0x2D, 0x96)) * 32


class JpegDecoder(Decoder):
    @property
    def keeps_rows(self) -> bool:
        return True

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        self._segments = JpegSegments(file.getvalue())
        if self._segments.has_several_images:
            self.treatments.add("first_image")
        if self._segments.is_metadata_damaged:
            self.treatments.add("metadata")
        return self._open_stream()

    def draft(self, size: tuple[int, int]) -> None:
        self._draft = size
        self.image.draft(None, size)

    @property
    def bytes_needed(self) -> int:
        width, height = self.size
        coefficients = 3 * width * height if self.image.info.get("progressive") else 0
        return super().bytes_needed + coefficients

    def load(self) -> Raster:
        try:
            load(self.image)
        except Rejected:
            if self._segments.has_end:
                raise
            self._load_without_end()
        return ImageRaster(self.image)

    def _load_without_end(self) -> None:
        """Load a file that lacks no more than the two bytes of the end marker.

        If no pixel is missing, appended bytes do not change the pixels. Raises Rejected if they do.
        """
        other = self._open_stream(TRAILING_BYTES + END)
        self.image = self._open_stream(END)
        for image in (other, self.image):
            image.draft(None, self._draft)
            load(image)
        if other.tobytes() != self.image.tobytes():
            raise Rejected(TRUNCATED)

    def _open_stream(self, end: bytes = b"") -> ImageFile.ImageFile:
        return open_with(JpegImageFile, "JPEG", self._segments.stream(end))


class JpegSegments:
    """The segments of a JPEG, without metadata that is damaged or that no pixel depends on."""

    def __init__(self, data: bytes) -> None:
        self.has_several_images = False
        self.is_metadata_damaged = False
        view, kept = memoryview(data), [b"\xff\xd8"]
        is_changed, scans_start = False, 2
        for index, (marker, start, end, is_damaged) in enumerate(_segments(data)):
            if index == MAX_SEGMENTS:
                raise Rejected(f"damaged: a JPEG of more than {MAX_SEGMENTS:,} segments")
            scans_start = end
            self.is_metadata_damaged |= is_damaged
            body = bytes(view[start + 4 : min(start + 64, end)])
            if marker == 0xE2 and body.startswith(SEVERAL_IMAGES):
                self.has_several_images = True
            if is_damaged or not _is_kept(marker, body, end - start - 4):
                is_changed = True
            else:
                kept.append(bytes(view[start:end]))
        if _has_too_many_scans(data, scans_start):
            raise Rejected(f"not read: a JPEG of more than {MAX_SCANS} scans; save it anew")
        self._data = data
        self._parts = [*kept, view[scans_start:]] if is_changed else [view]

    def stream(self, end: bytes = b"") -> io.BytesIO:
        """A stream for Pillow, with `end` appended."""
        stream = io.BytesIO()
        for part in (*self._parts, end):
            stream.write(part)
        stream.seek(0)
        return stream

    @property
    def has_end(self) -> bool:
        return END in self._data[-1024:]


def _is_kept(marker: int, body: bytes, size: int) -> bool:
    if not (0xE0 <= marker <= 0xEF or marker == COMMENT):
        return True
    starts, least = KEPT.get(marker, ((), 0))
    return size >= least and body.startswith(starts)


def _has_too_many_scans(data: bytes, offset: int) -> bool:
    """Count the scans from `offset`, where the first begins, to the end of the image."""
    scans = 0
    while scans <= MAX_SCANS and (match := MARKER.search(data, offset)):
        marker, offset = data[match.start() + 1], match.end()
        if marker == END[1]:
            break
        scans += marker == START_OF_SCAN
        offset += int.from_bytes(data[offset : offset + 2], "big")
    return scans > MAX_SCANS


def _segments(data: bytes) -> Iterator[tuple[int, int, int, bool]]:
    """(marker, start, end, is damaged) of every segment before the first scan.

    The first scan begins where the last segment ends. Bytes that are no segment are skipped up to
    the next marker, as libjpeg does; metadata that claims more bytes than the file has is skipped
    up to the next quantization table.
    """
    offset = 2
    while (start := data.find(b"\xff", offset)) >= 0 and start + 4 <= len(data):
        marker = data[start + 1]
        if marker in (0x00, 0xFF):
            offset = start + 1
            continue
        if start > offset:
            yield 0, offset, start, True
        if marker == START_OF_SCAN:
            return
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        if end <= start + 3 or end > len(data):
            if not 0xE0 <= marker <= COMMENT:
                return
            end = data.find(b"\xff\xdb", start + 4)
            if end < 0:
                raise Rejected(TRUNCATED)
            yield marker, start, end, True
        else:
            yield marker, start, end, False
        offset = end
