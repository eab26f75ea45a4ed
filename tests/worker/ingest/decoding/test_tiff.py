"""TIFFs that announce more than they hold are refused before anything follows them."""

import struct

import numpy as np
import pytest
from encoded_pictures import encode, quadrants, read
from PIL import Image

from worker.ingest.decoding.tiff import MAX_PARTS, check_tiff
from worker.ingest.errors import Rejected


def tiff(entries: dict[int, tuple[int, int, int]], *, order: str = "<", is_big: bool) -> bytes:
    """A header and a directory of (type, number of values, value) by tag."""
    mark = b"II" if order == "<" else b"MM"
    table = b"".join(
        struct.pack(f"{order}HHQ" if is_big else f"{order}HHL", tag, kind, count)
        + struct.pack(order + ("H" if kind == 3 else "L"), value).ljust(8 if is_big else 4, b"\0")
        for tag, (kind, count, value) in sorted(entries.items())
    )
    if is_big:
        head = struct.pack(f"{order}HHHQQ", 43, 8, 0, 16, len(entries))
    else:
        head = struct.pack(f"{order}HLH", 42, 8, len(entries))
    return mark + head + table + bytes(8)


SIDES = {256: (4, 1, 64), 257: (4, 1, 64), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1)}


@pytest.mark.parametrize("is_big", [False, True], ids=["classic", "BigTIFF"])
@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
@pytest.mark.parametrize("tag", [273, 279, 324, 325])
def test_more_strips_or_tiles_than_a_picture_needs_are_refused(
    tag: int, order: str, is_big: bool
) -> None:
    check_tiff(tiff(SIDES | {tag: (4, MAX_PARTS, 8)}, order=order, is_big=is_big))
    data = tiff(SIDES | {tag: (4, 1_000_000, 8)}, order=order, is_big=is_big)
    with pytest.raises(Rejected, match=r"^not read: a TIFF of 1,000,000 strips or tiles"):
        read(data)


@pytest.mark.parametrize("is_big", [False, True], ids=["classic", "BigTIFF"])
@pytest.mark.parametrize("kind", [3, 4], ids=["16 bits", "32 bits"])
def test_a_tile_far_larger_than_the_picture_is_refused(kind: int, is_big: bool) -> None:
    sides = SIDES | {322: (kind, 1, 40_000), 323: (kind, 1, 40_000), 324: (4, 1, 8)}
    with pytest.raises(Rejected, match=r"^damaged: a TIFF with tiles of 40,000 × 40,000 for a pi"):
        read(tiff(sides, is_big=is_big))


def test_a_directory_without_end_is_refused() -> None:
    data = b"II" + struct.pack("<HHHQQ", 43, 8, 0, 16, 10**9) + bytes(100)
    with pytest.raises(Rejected, match=r"^damaged: a TIFF with 1,000,000,000 entries"):
        read(data)


@pytest.mark.parametrize("length", [4, 8, 9, 15, 30])
def test_a_directory_that_is_cut_short_is_damaged(length: int) -> None:
    for is_big in (False, True):
        with pytest.raises(Rejected, match=r"^truncated or damaged"):
            read(tiff(SIDES, is_big=is_big)[:length].ljust(4, b"*"))


def test_one_row_in_each_strip_is_read() -> None:
    tall = np.repeat(quadrants(), 64, axis=0)
    data = encode(Image.fromarray(tall), "TIFF", tiffinfo={278: 1})
    assert read(data).pixels.shape == (32, 32, 3)
