"""PNG: damage outside of the pixels does not make an image unusable.

Pillow refuses a file for a text that is too long, or for a wrong checksum of a chunk that holds no
pixels. It is therefore given a stream of the critical chunks; the profile, the colour key and other
ancillary chunks are read here. PNG: https://www.w3.org/TR/png-3/. CgBI: the variant that Xcode
writes into apps.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from PIL import ImageFile
from PIL.PngImagePlugin import PngImageFile

from worker.ingest.decoding.decoder import Decoder, load, load_low_bytes, open_with, set_raw_mode
from worker.ingest.decoding.rasters import (
    ImageRaster,
    Raster,
    apple_pixels,
    deep_colours,
    grey_with_alpha,
    image_values,
)
from worker.ingest.errors import Rejected

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
SRGB_GAMMA = 45455  # 1 / 2.2, in the unit of gAMA
GAMMA_TOLERANCE = 0.05
# White, red, green and blue as x and y, in the unit of cHRM.
SRGB_PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
PRIMARIES_TOLERANCE = 1000
# Primaries, transfer, matrix and range (ITU-T H.273): sRGB, and BT.709, which is shown
# like sRGB.
SRGB_CODE_POINTS = (bytes((1, 13, 0, 1)), bytes((1, 1, 0, 1)))
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
MAX_TEXT_BYTES = 1 << 20  # of one text, unpacked
MAX_PROFILE_BYTES = 16 << 20  # unpacked
INFLATED_AT_ONCE = 1 << 16  # bytes
MAX_CHUNKS = 100_000  # each takes 500 bytes of memory; encoders put 8 KB or more into one IDAT
CHUNK_BYTES = 12  # around the body of a chunk: length, kind, checksum
XMP = b"XML:com.adobe.xmp\0\0"  # not compressed
RAW_PROFILE = b"Raw profile type "  # ImageMagick keeps EXIF in a text
MAX_RAW_PROFILE_BYTES = 1 << 16  # as it is in the file


class PngDecoder(Decoder):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        png = self._png
        self.size = png.width, png.height
        self.profile = png.profile
        for applies, treatment in (
            (png.is_animated, "first_image"),
            (png.is_metadata_damaged, "metadata"),
            (png.is_profile_damaged, "profile_ignored"),
            (png.has_other_colours, "colours_ignored"),
        ):
            if applies:
                self.treatments.add(treatment)

    @property
    def bytes_needed(self) -> int:
        return super().bytes_needed * (2 if self._png.is_deep or self._png.is_apple else 1)

    @property
    def keeps_rows(self) -> bool:
        return not (self._png.is_deep or self._png.is_apple)

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        self._png = PngChunks(file.getvalue())
        return open_with(PngImageFile, "PNG", self._png.header())

    def load(self) -> Raster:
        png = self._png
        self.image = open_with(PngImageFile, "PNG", png.stream())
        if png.is_deep and png.colour_type == GREY_ALPHA:
            set_raw_mode(self.image, lambda _: "RGBA")
            load(self.image)
            return grey_with_alpha(self.image)
        load(self.image)
        if png.is_deep:
            low = load_low_bytes(open_with(PngImageFile, "PNG", png.stream()))
            return deep_colours(self.image, low, is_premultiplied=False, colour_key=png.colour_key)
        if png.is_apple and self.image.mode in ("RGB", "RGBA"):
            return apple_pixels(self.image)
        if png.depth == 16:
            return image_values(self.image, colour_key=png.colour_key)
        if png.colour_key is not None:
            grey = self.image.convert("L") if self.image.mode == "1" else self.image
            scale = 255 // ((1 << png.depth) - 1)  # Pillow spreads 1, 2 and 4 bits over 8
            return image_values(grey, colour_key=tuple(scale * value for value in png.colour_key))
        return ImageRaster(self.image)


class Chunk(NamedTuple):
    kind: bytes
    body: memoryview
    whole: memoryview  # with length, kind and checksum
    is_intact: bool  # complete, and its checksum is right

    @property
    def is_critical(self) -> bool:
        return not self.kind[0] & 0x20

    @property
    def has_wrong_checksum(self) -> bool:
        """Whether the chunk is complete and its checksum is wrong."""
        claimed = int.from_bytes(self.whole[:4], "big") + CHUNK_BYTES
        return not self.is_intact and len(self.whole) == claimed


class PngChunks:
    """The chunks of a PNG. Raises Rejected where the header, the palette or the pixels are
    damaged."""

    def __init__(self, data: bytes) -> None:
        self.width = self.height = self.depth = self.colour_type = 0
        self.profile: bytes | None = None
        self.colour_key: tuple[int, ...] | None = None  # the transparent colour, at `depth` bits
        self.is_apple = False  # CgBI: BGR, alpha multiplied in, pixels without the header of zlib
        self.is_animated = False
        self.has_other_colours = False  # than sRGB's, given by numbers and not by a profile
        self.is_profile_damaged = False
        self.is_metadata_damaged = False
        self._is_srgb = False  # by its chunk, which takes precedence over gAMA and cHRM
        self._kept: list[Chunk] = []
        for index, chunk in enumerate(_chunks(data)):
            if index == MAX_CHUNKS:
                raise Rejected(f"damaged: a PNG of more than {MAX_CHUNKS:,} chunks")
            if chunk.is_critical:
                self._add_critical(chunk)
            elif chunk.is_intact:
                self._add_ancillary(chunk.kind, chunk)
            else:
                self.is_metadata_damaged = True
        self.has_other_colours &= self.profile is None and not self._is_srgb
        if not self.width or not self._pixels:
            raise Rejected(
                "truncated or damaged: a PNG without a complete header or without pixels"
            )
        if self.colour_type == PALETTE and all(chunk.kind != b"PLTE" for chunk in self._kept):
            raise Rejected("damaged: a PNG with palette indices and no palette")
        if any(chunk.has_wrong_checksum for chunk in self._pixels) and not self.is_apple:
            _check_pixels(self._pixels)

    @property
    def _pixels(self) -> list[Chunk]:
        return [chunk for chunk in self._kept if chunk.kind == b"IDAT"]

    @property
    def is_deep(self) -> bool:
        """Whether it has colours, or grey with alpha, of 16 bits each."""
        return self.depth == 16 and self.colour_type in (RGB, GREY_ALPHA, RGBA)

    def header(self) -> io.BytesIO:
        """A stream from which Pillow reads the dimensions."""
        stream = io.BytesIO()
        stream.write(SIGNATURE)
        for chunk in self._kept:
            if chunk.kind == b"IDAT":
                stream.write(chunk.whole[:8])
                break
            stream.write(chunk.whole)
        return stream

    def stream(self) -> io.BytesIO:
        """A stream from which Pillow reads the whole image."""
        stream = io.BytesIO()
        stream.write(SIGNATURE)
        has_pixels = False
        for chunk in self._kept:
            if self.is_apple and chunk.kind == b"IDAT":
                if not has_pixels:
                    stream.write(self._repacked_apple_pixels())
                has_pixels = True
            else:
                stream.write(chunk.whole)
        stream.seek(0)
        return stream

    def _add_critical(self, chunk: Chunk) -> None:
        if chunk.kind == b"CgBI":
            self.is_apple = True
            return
        if chunk.kind in (b"IHDR", b"PLTE") and chunk.has_wrong_checksum:
            raise Rejected(f"damaged: the checksum of its chunk {chunk.kind.decode()} is wrong")
        if chunk.kind == b"IHDR":
            if len(chunk.body) != 13:
                raise Rejected(
                    f"truncated or damaged: the header of the PNG has {len(chunk.body):,} bytes "
                    "instead of 13"
                )
            self.width, self.height, self.depth, self.colour_type = struct.unpack_from(
                ">IIBB", chunk.body
            )
        self._kept.append(chunk)

    def _add_ancillary(self, kind: bytes, chunk: Chunk) -> None:
        body = chunk.body
        if kind == b"tRNS" and self.colour_type in (GREY, RGB):
            self._read_colour_key(body)
        elif kind == b"iCCP":
            self.profile = _unpack_profile(bytes(body))
            self.is_profile_damaged = self.profile is None
        elif kind == b"sRGB":
            self._is_srgb = True
        elif kind in (b"gAMA", b"cHRM", b"cICP"):
            self.has_other_colours |= self._differs_from_srgb(kind, body)
        elif kind == b"acTL":
            self.is_animated = True
        elif kind in TEXTS:
            self._add_text(chunk)
        elif kind in (b"tRNS", b"eXIf"):
            self._kept.append(chunk)

    def _differs_from_srgb(self, kind: bytes, body: memoryview) -> bool:
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

    def _add_text(self, chunk: Chunk) -> None:
        """Keep a text in which Pillow may find the orientation."""
        text = bytes(chunk.body[: len(RAW_PROFILE) + 1])
        if chunk.kind == b"iTXt":
            is_kept = bytes(chunk.body[: len(XMP)]) == XMP and len(chunk.body) < MAX_TEXT_BYTES
        else:
            is_kept = text.startswith(RAW_PROFILE) and len(chunk.body) < MAX_RAW_PROFILE_BYTES
            if is_kept and chunk.kind == b"zTXt":
                compressed = bytes(chunk.body).partition(b"\0")[2][1:]
                is_kept = _unpack(compressed, MAX_TEXT_BYTES) is not None
        if is_kept:
            self._kept.append(chunk)

    def _repacked_apple_pixels(self) -> bytes:
        """One IDAT chunk with the pixels, with the header of zlib that Apple leaves out."""
        row = (self.width * CHANNELS.get(self.colour_type, 4) * self.depth + 7) // 8 + 1
        compressed = b"".join(chunk.body for chunk in self._pixels)
        try:
            plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(
                compressed, 2 * row * self.height
            )
        except zlib.error as error:
            raise Rejected(f"damaged: the pixels of a PNG by Apple (CgBI): {error}") from error
        body = b"IDAT" + zlib.compress(plain, 1)
        return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def _chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks up to IEND, or up to bytes that are not a chunk.

    A chunk before the pixels has a wrong length if it claims more bytes than the file has, or if no
    chunk follows it; then the file is searched for the next IDAT.
    """
    view, offset, has_pixels = memoryview(data), len(SIGNATURE), False
    while offset + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, offset)
        end = offset + CHUNK_BYTES + length
        is_ancillary = bool(kind[0] & 0x20)
        if not kind.isalpha() or (is_ancillary and end > len(data)):
            pixels = data.find(b"IDAT", offset + 4) - 4
            if has_pixels or pixels <= offset:
                return
            yield Chunk(b"lost", view[:0], view[:0], is_intact=False)
            offset = pixels
            continue
        body = view[offset + 8 : end - 4]
        checksum = struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
        yield Chunk(kind, body, view[offset:end], checksum == data[end - 4 : end])
        has_pixels |= kind == b"IDAT"
        if kind == b"IEND":
            return
        offset = end


def _unpack_profile(body: bytes) -> bytes | None:
    name, _, compressed = body.partition(b"\0")
    return _unpack(compressed[1:], MAX_PROFILE_BYTES) if name and compressed[:1] == b"\0" else None


def _unpack(compressed: bytes, limit: int) -> bytes | None:
    """None if the data is damaged or unpacks to more than `limit` bytes."""
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(compressed, limit)
    except zlib.error:
        return None
    return plain if unpacking.eof else None


def _check_pixels(pixels: list[Chunk]) -> None:
    """Raise Rejected unless the checksum of zlib, inside the pixel data, is right.

    Called where the checksum of a chunk is wrong, which may be the only damage.
    """
    unpacking = zlib.decompressobj()
    try:
        for chunk in pixels:
            for start in range(0, len(chunk.body), INFLATED_AT_ONCE):  # `unconsumed_tail` is a copy
                left: bytes | memoryview = chunk.body[start : start + INFLATED_AT_ONCE]
                while left:
                    unpacking.decompress(left, INFLATED_AT_ONCE)
                    left = unpacking.unconsumed_tail
    except zlib.error as error:
        raise Rejected("damaged: its pixels do not match their checksum") from error
