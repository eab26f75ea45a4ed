"""A PNG, read so that nothing but its pixels decides whether it is a picture.

Pillow refuses a file for a text that is too long, or for the checksum of a chunk that no pixel
needs. It gets a stream of the critical chunks; profile, colour key and the like are read here.
PNG: https://www.w3.org/TR/png-3/. CgBI: what Xcode makes of the PNGs of an app.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from worker.ingest.errors import Rejected

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
SRGB_GAMMA = 45455  # 1 / 2.2, in the unit of gAMA
GAMMA_TOLERANCE = 0.05
# White, red, green and blue as x and y, in the unit of cHRM.
SRGB_PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
PRIMARIES_TOLERANCE = 1000
# Primaries, transfer, matrix and range (ITU-T H.273): sRGB, and BT.709 that is shown like it.
SRGB_CODE_POINTS = (bytes((1, 13, 0, 1)), bytes((1, 1, 0, 1)))
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
MAX_TEXT_BYTES = 1 << 20  # of one text, unpacked
MAX_PROFILE_BYTES = 16 << 20  # unpacked
BLOCK_BYTES = 1 << 16
MAX_CHUNKS = 100_000  # each takes 500 bytes of memory; those of pixels have 8 KB and more
CHUNK_BYTES = 12  # around the body of a chunk: length, kind, checksum
XMP = b"XML:com.adobe.xmp\0\0"  # not packed
RAW_PROFILE = b"Raw profile type "  # ImageMagick keeps EXIF in a text


class Chunk(NamedTuple):
    kind: bytes
    body: memoryview
    whole: memoryview  # with length, kind and checksum
    is_intact: bool  # all of it is there, and its checksum is right

    @property
    def is_critical(self) -> bool:
        return not self.kind[0] & 0x20

    @property
    def is_wrong(self) -> bool:
        """Whether all of it is there, and its checksum is wrong."""
        claimed = int.from_bytes(self.whole[:4], "big") + CHUNK_BYTES
        return not self.is_intact and len(self.whole) == claimed


class PngFile:
    """Raises Rejected where the header, the palette or the pixels are damaged."""

    def __init__(self, data: bytes) -> None:
        self.width = self.height = self.depth = self.colour_type = 0
        self.profile: bytes | None = None
        self.colour_key: tuple[int, ...] | None = None  # what is transparent, at `depth` bits
        self.is_apple = False  # BGR, alpha multiplied in, pixels without the header of zlib
        self.is_animated = False
        self.has_other_colours = False  # than sRGB's, said by numbers and not by a profile
        self.is_profile_damaged = False
        self.is_metadata_damaged = False
        self._is_srgb = False  # by its chunk, which counts more than gAMA and cHRM
        self._kept: list[Chunk] = []
        for number, chunk in enumerate(_chunks(data)):
            if number == MAX_CHUNKS:
                raise Rejected(f"damaged: a PNG of more than {MAX_CHUNKS:,} chunks")
            if chunk.is_critical:
                self._take_critical(chunk)
            elif chunk.is_intact:
                self._take_ancillary(chunk.kind, chunk)
            else:
                self.is_metadata_damaged = True
        self.has_other_colours &= self.profile is None and not self._is_srgb
        if not self.width or not self._pixels:
            raise Rejected("truncated or damaged: a PNG without a whole header, or without pixels")
        if self.colour_type == PALETTE and all(chunk.kind != b"PLTE" for chunk in self._kept):
            raise Rejected("damaged: a PNG with palette indices and no palette")
        if any(chunk.is_wrong for chunk in self._pixels) and not self.is_apple:
            _check_pixels(self._pixels)

    @property
    def _pixels(self) -> list[Chunk]:
        return [chunk for chunk in self._kept if chunk.kind == b"IDAT"]

    @property
    def is_deep(self) -> bool:
        """Colours, or grey with alpha, of 16 bits each."""
        return self.depth == 16 and self.colour_type in (RGB, GREY_ALPHA, RGBA)

    def header(self) -> io.BytesIO:
        """Enough for Pillow to know its dimensions."""
        stream = io.BytesIO()
        stream.write(SIGNATURE)
        for chunk in self._kept:
            if chunk.kind == b"IDAT":
                stream.write(chunk.whole[:8])
                break
            stream.write(chunk.whole)
        return stream

    def stream(self) -> io.BytesIO:
        """What Pillow is to read."""
        stream = io.BytesIO()
        stream.write(SIGNATURE)
        written = False
        for chunk in self._kept:
            if self.is_apple and chunk.kind == b"IDAT":
                if not written:
                    stream.write(self._unpacked_apple())
                written = True
            else:
                stream.write(chunk.whole)
        stream.seek(0)
        return stream

    def _take_critical(self, chunk: Chunk) -> None:
        if chunk.kind == b"CgBI":
            self.is_apple = True
            return
        if chunk.kind in (b"IHDR", b"PLTE") and chunk.is_wrong:
            raise Rejected(f"damaged: the checksum of its chunk {chunk.kind.decode()} is wrong")
        if chunk.kind == b"IHDR":
            if len(chunk.body) != 13:
                raise Rejected("truncated or damaged: its header has not the length of a PNG's")
            self.width, self.height, self.depth, self.colour_type = struct.unpack_from(
                ">IIBB", chunk.body
            )
        self._kept.append(chunk)

    def _take_ancillary(self, kind: bytes, chunk: Chunk) -> None:
        body = chunk.body
        if kind == b"tRNS" and self.colour_type in (GREY, RGB):
            self._read_colour_key(body)
        elif kind == b"iCCP":
            self.profile = _unpack_profile(bytes(body))
            self.is_profile_damaged = self.profile is None
        elif kind == b"sRGB":
            self._is_srgb = True
        elif kind in (b"gAMA", b"cHRM", b"cICP"):
            self.has_other_colours |= self._says_other_colours(kind, body)
        elif kind == b"acTL":
            self.is_animated = True
        elif kind in TEXTS:
            self._take_text(chunk)
        elif kind in (b"tRNS", b"eXIf"):
            self._kept.append(chunk)

    def _says_other_colours(self, kind: bytes, body: memoryview) -> bool:
        """Whether the chunk says other colours than those of sRGB."""
        if kind == b"gAMA" and len(body) == 4:
            gamma = int.from_bytes(body, "big") / SRGB_GAMMA
            return abs(gamma - 1) > GAMMA_TOLERANCE
        if kind == b"cHRM" and len(body) == 32 and self.colour_type not in (GREY, GREY_ALPHA):
            pairs = zip(struct.unpack(">8I", body), SRGB_PRIMARIES, strict=True)
            return any(abs(own - srgb) > PRIMARIES_TOLERANCE for own, srgb in pairs)
        return kind == b"cICP" and len(body) == 4 and bytes(body) not in SRGB_CODE_POINTS

    def _read_colour_key(self, body: memoryview) -> None:
        count = CHANNELS[self.colour_type]
        if len(body) < 2 * count:
            self.is_metadata_damaged = True
            return
        mask = (1 << self.depth) - 1
        self.colour_key = tuple(value & mask for value in struct.unpack_from(f">{count}H", body))

    def _take_text(self, chunk: Chunk) -> None:
        """Keep a text that may tell Pillow which way up the picture is."""
        text = bytes(chunk.body[: len(RAW_PROFILE) + 1])
        if chunk.kind == b"iTXt":
            kept = bytes(chunk.body[: len(XMP)]) == XMP and len(chunk.body) < MAX_TEXT_BYTES
        else:
            kept = text.startswith(RAW_PROFILE) and len(chunk.body) < BLOCK_BYTES
            if kept and chunk.kind == b"zTXt":
                kept = (
                    _unpack(bytes(chunk.body).partition(b"\0")[2][1:], MAX_TEXT_BYTES) is not None
                )
        if kept:
            self._kept.append(chunk)

    def _unpacked_apple(self) -> bytes:
        """One IDAT with the pixels as other programs pack them."""
        row = (self.width * CHANNELS.get(self.colour_type, 4) * self.depth + 7) // 8 + 1
        packed = b"".join(chunk.body for chunk in self._pixels)
        try:
            plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, 2 * row * self.height)
        except zlib.error as error:
            raise Rejected(f"damaged: the pixels of a PNG by Apple (CgBI): {error}") from error
        body = b"IDAT" + zlib.compress(plain, 1)
        return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def _chunks(data: bytes) -> Iterator[Chunk]:
    """Up to IEND, or to what is no chunk. A chunk before the pixels that claims more bytes than
    there are, or that no chunk follows, has a wrong length: the pixels are looked for."""
    view, place, seen_pixels = memoryview(data), len(SIGNATURE), False
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + CHUNK_BYTES + length
        is_ancillary = bool(kind[0] & 0x20)
        if not kind.isalpha() or (is_ancillary and end > len(data)):
            found = data.find(b"IDAT", place + 4) - 4
            if seen_pixels or found <= place:
                return
            yield Chunk(b"lost", view[:0], view[:0], is_intact=False)
            place = found
            continue
        body = view[place + 8 : end - 4]
        checksum = struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
        yield Chunk(kind, body, view[place:end], checksum == data[end - 4 : end])
        seen_pixels |= kind == b"IDAT"
        if kind == b"IEND":
            return
        place = end


def _unpack_profile(body: bytes) -> bytes | None:
    name, _, packed = body.partition(b"\0")
    return _unpack(packed[1:], MAX_PROFILE_BYTES) if name and packed[:1] == b"\0" else None


def _unpack(packed: bytes, limit: int) -> bytes | None:
    """None for what is damaged, or larger than the limit."""
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(packed, limit)
    except zlib.error:
        return None
    return plain if unpacking.eof else None


def _check_pixels(pixels: list[Chunk]) -> None:
    """Raise Rejected unless the checksum within the packed pixels is right. Those of the chunks
    around them are wrong, which may be all that is."""
    unpacking = zlib.decompressobj()
    try:
        for chunk in pixels:
            for start in range(0, len(chunk.body), BLOCK_BYTES):  # `unconsumed_tail` is a copy
                left: bytes | memoryview = chunk.body[start : start + BLOCK_BYTES]
                while left:
                    unpacking.decompress(left, BLOCK_BYTES)
                    left = unpacking.unconsumed_tail
    except zlib.error as error:
        raise Rejected("damaged: its pixels do not match their checksum") from error
