"""PNG files of our own: read back by Pillow, exactly the pixels."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from app.domain.images.png import write_png

NOISE = np.random.default_rng(0)
SHAPES = [(1, 1), (1, 45), (64, 1), (28, 28), (48, 80), (256, 256)]


def smooth(height: int, width: int, channels: int) -> np.ndarray:
    down, across = np.mgrid[:height, :width]
    return np.stack([down * 3 + across * (5 - one) for one in range(channels)], -1).astype(np.uint8)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_every_pixel_comes_back(height: int, width: int, channels: int, mode: str) -> None:
    noise = NOISE.integers(0, 256, (height, width, channels), np.uint8)
    for pixels in (noise, smooth(height, width, channels), noise[::-1], np.full_like(noise, 255)):
        with Image.open(io.BytesIO(write_png(pixels))) as image:
            assert (image.format, image.mode, image.size) == ("PNG", mode, (width, height))
            assert np.array_equal(np.asarray(image).reshape(pixels.shape), pixels)


def test_the_texts_are_chunks_before_the_pixels_and_every_checksum_holds() -> None:
    data = write_png(smooth(28, 28, 3), {"moggy": '{"seed":7}', "Title": "café"})
    names, place = [], 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        name, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, place + 8 + length)
        assert checksum == zlib.crc32(name + body)
        names.append(name)
        place += 12 + length
    assert names == [b"IHDR", b"tEXt", b"tEXt", b"IDAT", b"IEND"]
    with Image.open(io.BytesIO(data)) as image:
        assert image.info == {"moggy": '{"seed":7}', "Title": "café"}


def test_the_same_pixels_are_the_same_bytes() -> None:
    pixels = smooth(64, 64, 3)
    assert write_png(pixels) == write_png(pixels.copy(order="F"))
