"""Which formats are read, which are not, and the kinds of TIFF."""

import io
import struct
import warnings
from typing import Any

import numpy as np
import pytest
from encoded_pictures import HEIC, QUADRANTS, colours_of, encode, quadrants, read
from PIL import Image, TiffImagePlugin

from worker.ingest.decoding.formats import PICTURES
from worker.ingest.errors import Rejected

Image.init()
# MPO is a JPEG, DIB a BMP without its file header, and PDF, PALM and others are only written.
CLOSED = sorted((set(Image.OPEN) | set(Image.SAVE)) - set(PICTURES) - {"MPO"})
MODES = {"MSP": "1", "XBM": "1", "PALM": "L", "BLP": "P", "SPIDER": "F"}


def written(kind: str) -> bytes | None:
    """None for what Pillow cannot write without help from outside."""
    image = Image.fromarray(quadrants()).convert(MODES.get(kind, "RGB"))
    file = io.BytesIO()
    try:
        with warnings.catch_warnings(action="ignore"):  # of formats that Pillow gives up
            image.save(file, kind)
    except (OSError, ValueError, KeyError):
        return None
    return file.getvalue()


FILES = {kind: data for kind in CLOSED if kind in Image.SAVE and (data := written(kind))}


def test_what_pillow_can_write_and_is_not_listed_is_many() -> None:
    assert set(FILES) >= {"EPS", "ICO", "JPEG2000", "PCX", "PPM", "TGA", "SGI", "DDS", "IM", "QOI"}


@pytest.mark.parametrize("kind", FILES)
def test_a_format_that_is_not_listed_stays_closed(kind: str) -> None:
    with pytest.raises(Rejected, match=r"^not (read|an image): "):
        read(FILES[kind])


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, 6),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "tiff_adobe_deflate"}, 0),
        ("TIFF", {"compression": "packbits"}, 0),
        ("TIFF", {"compression": "jpeg", "quality": 100}, 6),
        ("TIFF", {"big_tiff": True}, 0),
    ],
)
def test_avif_and_tiff_give_the_picture(kind: str, options: dict[str, Any], tolerance: int) -> None:
    got = np.array(colours_of(read(encode(Image.fromarray(quadrants()), kind, **options)).pixels))
    assert np.abs(got - QUADRANTS).max() <= tolerance


def test_heic_gives_the_picture() -> None:
    assert np.abs(np.array(colours_of(read(HEIC).pixels)) - QUADRANTS).max() <= 6


@pytest.mark.parametrize("data", [HEIC, encode(Image.fromarray(quadrants()), "AVIF")])
def test_a_cut_heic_or_avif_is_refused(data: bytes) -> None:
    for part in (0.3, 0.7, 0.95):
        with pytest.raises(Rejected, match=r"^(truncated|damaged)"):
            read(data[: int(len(data) * part)])


def test_the_first_page_of_a_tiff_is_taken_and_told() -> None:
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
            r"not read: a TIFF of a rare kind .*unknown pixel mode",
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


def test_a_jpeg_of_12_bits_is_not_called_damaged() -> None:
    data = bytearray(encode(Image.fromarray(quadrants()), "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(Rejected, match=r"^not read: a JPEG of a rare kind .*12-bit.*PNG"):
        read(bytes(data))
