"""The layout of a TIFF, checked before Pillow and libtiff follow it.

TIFF 6.0, and BigTIFF, whose counts and offsets have 64 bits. Strips and tiles may all be the same
bytes: 40 KB announce a million of them, each of which Pillow reads by itself, for minutes; and
libtiff makes room for a whole tile, however small the picture in it is.
"""

import struct
from typing import NamedTuple

from worker.ingest.errors import Rejected

WIDTH, LENGTH, TILE_WIDTH, TILE_LENGTH = 256, 257, 322, 323
PARTS = (273, 279, 324, 325)  # offsets and byte counts, of strips and of tiles
NUMBERS = {3: "H", 4: "L", 16: "Q"}  # by the type of an entry
BIG = 43
MAX_ENTRIES = 65_535  # as many as a classic TIFF can have
MAX_PARTS = 65_536
MAX_TILE_PIXELS = 4096**2  # of a tile that is larger than the picture


class _Layout(NamedTuple):
    offset: str
    offset_place: int
    entries: str
    entry: str  # tag, type, number of values, the value or where the values are


CLASSIC = _Layout("L", 4, "H", "HHL4s")
LARGE = _Layout("Q", 8, "Q", "HHQ8s")


def check_tiff(data: bytes) -> None:
    """Raise Rejected for a TIFF whose first directory announces more than a picture needs.

    What is damaged otherwise is left to Pillow.
    """
    order = "<" if data.startswith(b"II") else ">"
    try:
        _check_directory(data, order)
    except struct.error:
        return  # cut short: Pillow says how


def _check_directory(data: bytes, order: str) -> None:
    (version,) = struct.unpack_from(f"{order}H", data, 2)
    layout = LARGE if version == BIG else CLASSIC
    (place,) = struct.unpack_from(order + layout.offset, data, layout.offset_place)
    (count,) = struct.unpack_from(order + layout.entries, data, place)
    if count > MAX_ENTRIES:
        raise Rejected(f"damaged: a TIFF with {count:,} entries in its directory")
    place += struct.calcsize(order + layout.entries)
    sides = dict.fromkeys((WIDTH, LENGTH, TILE_WIDTH, TILE_LENGTH), 0)
    for _ in range(count):
        tag, kind, values, value = struct.unpack_from(order + layout.entry, data, place)
        place += struct.calcsize(order + layout.entry)
        if tag in PARTS and values > MAX_PARTS:
            raise Rejected(
                f"not read: a TIFF of {values:,} strips or tiles, at most {MAX_PARTS:,} are read; "
                "save it with more rows in each strip"
            )
        if tag in sides and kind in NUMBERS:
            (number,) = struct.unpack_from(order + NUMBERS[kind], value)
            sides[tag] = max(sides[tag], number)
    width, length, tile_width, tile_length = sides.values()
    if tile_width * tile_length > max(MAX_TILE_PIXELS, 2 * width * length):
        raise Rejected(
            f"damaged: a TIFF with tiles of {tile_width:,} × {tile_length:,} for a picture of "
            f"{width:,} × {length:,}"
        )
