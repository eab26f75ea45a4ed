"""TIFF and BigTIFF: the layout is checked before Pillow and libtiff follow it.

TIFF 6.0; the counts and offsets of BigTIFF have 64 bits. A file of 40 KB can announce a million
strips or tiles that are all the same bytes, and Pillow reads each by itself, for minutes. libtiff
allocates a whole tile, however small the image in it is.
"""

import io
import struct
from typing import Any, NamedTuple

from PIL import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from worker.ingest.archives.unsupported_formats import DEVELOP
from worker.ingest.decoding.decoder import (
    Decoder,
    load,
    load_low_bytes,
    open_with,
    raw_mode,
    set_raw_mode,
)
from worker.ingest.decoding.rasters import ImageRaster, Raster, deep_colours, image_values
from worker.ingest.errors import Rejected

# Tags
NEW_SUBFILE_TYPE, BITS_PER_SAMPLE, PHOTOMETRIC, PLANAR, SUB_IFDS = 254, 258, 262, 284, 330
WIDTH, LENGTH, TILE_WIDTH, TILE_LENGTH = 256, 257, 322, 323
DNG_VERSION = 50706
STRIPS_AND_TILES = (273, 279, 324, 325)  # their offsets and byte counts
INTEGERS = {3: "H", 4: "L", 16: "Q"}  # by the type of an entry
BIG = 43  # the version of a BigTIFF
MAX_ENTRIES = 65_535  # as many as a classic TIFF can have
MAX_PARTS = 65_536  # strips or tiles
MAX_TILE_PIXELS = 4096**2  # of a tile that is larger than the image


class TiffDecoder(Decoder):
    @property
    def keeps_rows(self) -> bool:
        return True

    bytes_per_pixel = 8

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        check_layout(file.getvalue())
        image = open_with(TiffImageFile, "TIFF", file)
        tags = image.tag_v2
        if DNG_VERSION in tags or (SUB_IFDS in tags and tags.get(NEW_SUBFILE_TYPE, 0) & 1):
            raise Rejected(f"not read: a camera's raw file; {DEVELOP}")
        return image

    @property
    def bytes_needed(self) -> int:
        return super().bytes_needed * (2 if self._is_deep else 1)

    @property
    def _is_deep(self) -> bool:
        """Whether it has colours of 16 bits, of which Pillow keeps 8."""
        return self.image.mode in ("RGB", "RGBA") and raw_mode(self.image)[-4:-1] == ";16"

    def load(self) -> Raster:
        image: Any = self.image
        if image.mode.startswith("I") or image.mode == "F":
            is_inverted = image.tag_v2.get(PHOTOMETRIC) == 0
            load(image)
            return image_values(image, is_inverted=is_inverted)
        if image.tag_v2.get(PLANAR) == 2 and 16 in image.tag_v2.get(BITS_PER_SAMPLE, ()):
            raise Rejected("not read: a TIFF with 16 bits in separate planes; save it interleaved")
        if not self._is_deep:
            load(image)
            return ImageRaster(image)
        is_premultiplied = raw_mode(image).startswith("RGBa")
        low = open_with(TiffImageFile, "TIFF", io.BytesIO(self.file.getvalue()))
        for half_depth in (image, low):
            set_raw_mode(half_depth, lambda mode: mode.replace("RGBa", "RGBA"))
        load(image)
        return deep_colours(
            image, load_low_bytes(low), is_premultiplied=is_premultiplied, colour_key=None
        )


class _Format(NamedTuple):
    """Formats of `struct` for the parts of a file."""

    offset: str
    offset_position: int
    entries: str
    entry: str  # tag, type, number of values, the value or the offset of the values


CLASSIC_FORMAT = _Format("L", 4, "H", "HHL4s")
BIG_FORMAT = _Format("Q", 8, "Q", "HHQ8s")


def check_layout(data: bytes) -> None:
    """Raise Rejected for a TIFF whose first directory announces more than an image needs.

    Other damage is left to Pillow.
    """
    order = "<" if data.startswith(b"II") else ">"
    try:
        _check_directory(data, order)
    except struct.error:
        return  # cut short: Pillow rejects it


def _check_directory(data: bytes, order: str) -> None:
    (version,) = struct.unpack_from(f"{order}H", data, 2)
    form = BIG_FORMAT if version == BIG else CLASSIC_FORMAT
    (offset,) = struct.unpack_from(order + form.offset, data, form.offset_position)
    (count,) = struct.unpack_from(order + form.entries, data, offset)
    if count > MAX_ENTRIES:
        raise Rejected(f"damaged: a TIFF with {count:,} entries in its directory")
    offset += struct.calcsize(order + form.entries)
    sides = dict.fromkeys((WIDTH, LENGTH, TILE_WIDTH, TILE_LENGTH), 0)
    for _ in range(count):
        tag, kind, values, value = struct.unpack_from(order + form.entry, data, offset)
        offset += struct.calcsize(order + form.entry)
        if tag in STRIPS_AND_TILES and values > MAX_PARTS:
            raise Rejected(
                f"not read: a TIFF of {values:,} strips or tiles, at most {MAX_PARTS:,} are read; "
                "save it with more rows in each strip"
            )
        if tag in sides and kind in INTEGERS:
            (side,) = struct.unpack_from(order + INTEGERS[kind], value)
            sides[tag] = max(sides[tag], side)
    width, length, tile_width, tile_length = sides.values()
    if tile_width * tile_length > max(MAX_TILE_PIXELS, 2 * width * length):
        raise Rejected(
            f"damaged: a TIFF with tiles of {tile_width:,} × {tile_length:,} for a picture of "
            f"{width:,} × {length:,}"
        )
