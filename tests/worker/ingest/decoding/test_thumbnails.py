import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from worker.ingest.decoding.levels import Levels
from worker.ingest.decoding.reader import Reader, set_pillow_limits
from worker.ingest.decoding.thumbnails import SIDE, pixels_thumbnail
from worker.ingest.errors import Rejected
from worker.ingest.request import ImageShape

ORIENTATION = 0x0112


@pytest.fixture(autouse=True)
def _limits() -> None:
    set_pillow_limits()


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def refused(data: bytes, max_pixels: int = 1 << 20) -> Rejected:
    """The refusal of a file, for images of 64×64."""
    reader = Reader(ImageShape(64, 64, "crop", "auto"), max_pixels, Levels())
    with pytest.raises(Rejected) as refusal:
        reader.fit(io.BytesIO(data), with_thumbnail=True)
    return refusal.value


def pictured(data: bytes) -> np.ndarray:
    """The thumbnail of a file that is refused."""
    pixels = refused(data).thumbnail
    assert pixels is not None
    return pixels


def halves(width: int, height: int) -> Image.Image:
    """Red above, blue below."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (0, height // 2, width, height))
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP", "GIF"])
def test_a_truncated_file_shows_what_was_decoded(kind: str) -> None:
    rng = np.random.default_rng(0)
    pixels = np.asarray(halves(200, 200)) // 2 + rng.integers(0, 40, (200, 200, 3), np.uint8)
    data = encode(Image.fromarray(pixels), kind)
    refusal = refused(data[: len(data) * 3 // 5])
    assert str(refusal).startswith("truncated")
    assert refusal.thumbnail is not None
    # BMP stores the last row first.
    row, channel = (SIDE - 8, 2) if kind == "BMP" else (8, 0)
    colours = refusal.thumbnail[row, :, :3].mean(0)
    assert colours.argmax() == channel
    assert (refusal.thumbnail[..., 3] == 255).all()


def test_a_small_picture_is_enlarged_in_its_proportions() -> None:
    refusal = refused(encode(halves(12, 6), "PNG"))
    assert str(refusal).startswith("too small")
    pixels = refusal.thumbnail
    assert pixels is not None
    assert pixels.shape == (SIDE, SIDE, 4)
    is_opaque = pixels[..., 3] == 255
    assert is_opaque.all(1).sum() == SIDE // 2
    assert pixels[SIDE // 4 + 2, 5].tolist() == [255, 0, 0, 255]
    assert pixels[-SIDE // 4 - 2, 5].tolist() == [0, 0, 255, 255]


def test_a_picture_is_turned_upright() -> None:
    image = halves(12, 12)
    exif = image.getexif()
    exif[ORIENTATION] = 3  # upside down
    refusal = refused(encode(image, "PNG", exif=exif))
    assert refusal.thumbnail is not None
    assert refusal.thumbnail[2, 2].tolist() == [0, 0, 255, 255]


def test_values_without_a_known_white_are_spread_from_black_to_white() -> None:
    values = np.linspace(-1000, 70000, 64 * 64, dtype=np.int32).reshape(64, 64)
    refusal = refused(encode(Image.fromarray(values), "TIFF"))
    assert str(refusal).startswith("no known white")
    pixels = refusal.thumbnail
    assert pixels is not None
    assert pixels[0, 0, 0] == 0
    assert pixels[-1, -1, 0] == 255


def test_a_palette_and_transparency_are_kept() -> None:
    image = Image.new("P", (10, 10), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    assert pictured(encode(image, "PNG"))[5 + SIDE // 2, 5].tolist() == [10, 200, 30, 255]
    assert pictured(encode(Image.new("RGBA", (10, 10), (1, 2, 3, 0)), "PNG"))[..., 3].max() == 0


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_formats_that_are_decoded_as_a_whole_have_one_too(kind: str) -> None:
    colours = pictured(encode(halves(12, 12), kind))[[4, -4], 5]
    assert np.abs(colours.astype(int) - [[255, 0, 0, 255], [0, 0, 255, 255]]).max() < 40


def test_grey_and_alpha_of_16_bits_are_grey() -> None:
    values = np.full((9, 9, 4), (128, 0, 255, 255), np.uint8)  # big-endian grey, then alpha
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    header = struct.pack(">IIBBBBB", 9, 9, 16, 4, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    assert pictured(data)[9, 9].tolist() == [128, 128, 128, 255]


def test_a_long_strip_keeps_a_line() -> None:
    pixels = pictured(encode(Image.new("RGB", (4000, 3), "red"), "PNG"))
    assert (pixels[..., 3].sum(), pixels[..., 0].max()) == (SIDE * 255, 255)


def test_packed_pixels_have_a_thumbnail() -> None:
    grey = pixels_thumbnail(np.full((28, 28, 1), 7, np.uint8))
    assert grey[3, 3].tolist() == [7, 7, 7, 255]


def test_infinite_values_have_none() -> None:
    values = np.full((64, 64), np.inf, np.float32)
    assert refused(encode(Image.fromarray(values), "TIFF")).thumbnail is None


@pytest.mark.parametrize(
    ("data", "max_pixels"),
    [
        (encode(halves(200, 200), "PNG"), 100),  # it must not be decoded
        (encode(halves(200, 200), "JPEG")[:100], 1 << 20),  # its header is cut
        (encode(halves(200, 200), "WEBP")[:-20], 1 << 20),  # it is decoded as a whole
        (encode(halves(64, 64), "PNG")[:50], 1 << 20),  # the pixels have not begun
    ],
)
def test_a_file_of_which_nothing_was_decoded_has_none(data: bytes, max_pixels: int) -> None:
    assert refused(data, max_pixels).thumbnail is None
