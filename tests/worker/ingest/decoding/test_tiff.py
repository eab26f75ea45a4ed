"""The kinds of TIFF, and layouts that are refused before libtiff follows them."""

import struct

import numpy as np
import pytest
from encoded_pictures import QUADRANTS, colours_of, encode, quadrants, read
from PIL import Image, TiffImagePlugin

from worker.ingest.decoding.tiff import MAX_PARTS, check_layout
from worker.ingest.errors import Rejected


def directory(entries: dict[int, tuple[int, int, int]], *, order: str = "<", is_big: bool) -> bytes:
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
    check_layout(directory(SIDES | {tag: (4, MAX_PARTS, 8)}, order=order, is_big=is_big))
    data = directory(SIDES | {tag: (4, 1_000_000, 8)}, order=order, is_big=is_big)
    with pytest.raises(Rejected, match=r"^not read: a TIFF of 1,000,000 strips or tiles"):
        read(data)


@pytest.mark.parametrize("is_big", [False, True], ids=["classic", "BigTIFF"])
@pytest.mark.parametrize("kind", [3, 4], ids=["16 bits", "32 bits"])
def test_a_tile_far_larger_than_the_picture_is_refused(kind: int, is_big: bool) -> None:
    sides = SIDES | {322: (kind, 1, 40_000), 323: (kind, 1, 40_000), 324: (4, 1, 8)}
    with pytest.raises(Rejected, match=r"^damaged: a TIFF with tiles of 40,000 × 40,000 for a pi"):
        read(directory(sides, is_big=is_big))


def test_a_directory_without_end_is_refused() -> None:
    data = b"II" + struct.pack("<HHHQQ", 43, 8, 0, 16, 10**9) + bytes(100)
    with pytest.raises(Rejected, match=r"^damaged: a TIFF with 1,000,000,000 entries"):
        read(data)


@pytest.mark.parametrize("length", [4, 8, 9, 15, 30])
def test_a_directory_that_is_cut_short_is_damaged(length: int) -> None:
    for is_big in (False, True):
        with pytest.raises(Rejected, match=r"^truncated or damaged"):
            read(directory(SIDES, is_big=is_big)[:length].ljust(4, b"*"))


def test_one_row_in_each_strip_is_read() -> None:
    tall = np.repeat(quadrants(), 64, axis=0)
    data = encode(Image.fromarray(tall), "TIFF", tiffinfo={278: 1})
    assert read(data).pixels.shape == (32, 32, 3)


def test_the_first_page_of_a_tiff_is_taken_and_counted() -> None:
    pages = [Image.new("RGB", (32, 32))]
    data = encode(Image.fromarray(quadrants()), "TIFF", save_all=True, append_images=pages)
    fitted = read(data)
    assert colours_of(fitted.pixels) == QUADRANTS
    assert fitted.treatments == {"first_image"}


def tiff(values: np.ndarray, *, photometric: int, extra: int | None = None) -> bytes:
    """Not packed, in one strip, little-endian; (H, W, C) of any depth."""
    height, width, channels = values.shape
    entries = {
        256: (4, (width,)),
        257: (4, (height,)),
        258: (3, (8 * values.dtype.itemsize,) * channels),
        259: (3, (1,)),
        262: (3, (photometric,)),
        273: (4, (0,)),
        277: (3, (channels,)),
        278: (4, (height,)),
        279: (4, (values.nbytes,)),
        339: (3, ({"u": 1, "i": 2, "f": 3}[values.dtype.kind],) * channels),
    }
    if extra is not None:
        entries[338] = (3, (extra,))
    start = 8 + 2 + 12 * len(entries) + 4
    tail, table = b"", struct.pack("<H", len(entries))
    for tag, (kind, numbers) in sorted(entries.items()):
        data = struct.pack(f"<{len(numbers)}{'H' if kind == 3 else 'L'}", *numbers)
        if len(data) > 4:
            tail, data = tail + data, struct.pack("<L", start + len(tail))
        table += struct.pack("<HHL", tag, kind, len(numbers)) + data.ljust(4, b"\0")
    table = table.replace(
        struct.pack("<HHLL", 273, 4, 1, 0), struct.pack("<HHLL", 273, 4, 1, start + len(tail))
    )
    return (
        b"II*\0\x08\0\0\0"
        + table
        + bytes(4)
        + tail
        + values.astype(values.dtype.newbyteorder("<")).tobytes()
    )


def test_16_bits_a_colour_are_read_whole() -> None:
    values = np.random.default_rng(5).integers(0, 1024, (32, 32, 3), np.uint16)
    fitted = read(tiff(values, photometric=2))
    assert (fitted.depth, fitted.span) == ("16-bit", (values.min(), values.max()))
    assert np.array_equal(fitted.pixels, values >> 8)


@pytest.mark.parametrize("extra", [1, 2], ids=["premultiplied", "plain"])
def test_16_bits_with_alpha_give_the_colours_of_8(extra: int) -> None:
    opacity = 0x8080
    colours = quadrants().astype(np.uint16) * 257
    stored = colours.astype(int) * opacity // 65535 if extra == 1 else colours
    values = np.dstack([stored, np.full((32, 32), opacity)]).astype(np.uint16)
    pixels = read(tiff(values, photometric=2, extra=extra), channels="rgba").pixels
    assert np.abs(pixels[..., :3].astype(int) - quadrants()).max() <= 1
    assert (pixels[..., 3] == 0x80).all()


def test_white_may_be_zero_in_16_bits() -> None:
    values = np.full((32, 32, 1), 65535, np.uint16)
    values[:16] = 0
    pixels = read(tiff(values, photometric=0), channels="grey").pixels
    assert (pixels[0, 0, 0], pixels[31, 0, 0]) == (255, 0)


def test_floats_are_black_at_0_and_white_at_1() -> None:
    values = np.linspace(0, 1, 1024, dtype=np.float32).reshape(32, 32, 1)
    pixels = read(tiff(values, photometric=1), channels="grey").pixels
    assert np.array_equal(pixels, (values * 255).round())


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full((32, 32, 1), 800, np.float32), "no known white: decimal numbers from 800 to 800"),
        (np.full((32, 32, 1), np.nan, np.float32), "not a picture: some of its values"),
        (np.full((32, 32, 1), -5, np.int32), "no known white: whole numbers .*levels=auto"),
        (
            np.zeros((32, 32, 3), np.float32),
            r"not read: an unsupported kind of TIFF .*unknown pixel mode",
        ),
    ],
)
def test_values_without_a_known_white_are_refused(values: np.ndarray, reason: str) -> None:
    photometric = 2 if values.shape[2] == 3 else 1
    with pytest.raises(Rejected, match=f"^{reason}"):
        read(tiff(values, photometric=photometric))


def test_a_camera_raw_file_with_a_small_picture_in_front_is_named() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254], tags[50706] = 1, b"\1\4\0\0"
    data = encode(Image.fromarray(quadrants()), "TIFF", tiffinfo=tags)
    with pytest.raises(Rejected, match=r"^not read: a camera's raw file; develop it"):
        read(data)
