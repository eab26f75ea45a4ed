"""Pillow reads exactly the written pixels."""

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
    return np.stack([down * 3 + across * (5 - channel) for channel in range(channels)], -1).astype(
        np.uint8
    )


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_every_pixel_is_read_back(height: int, width: int, channels: int, mode: str) -> None:
    noise = NOISE.integers(0, 256, (height, width, channels), np.uint8)
    for pixels in (noise, smooth(height, width, channels), noise[::-1], np.full_like(noise, 255)):
        with Image.open(io.BytesIO(write_png(pixels))) as image:
            assert (image.format, image.mode, image.size) == ("PNG", mode, (width, height))
            assert np.array_equal(np.asarray(image).reshape(pixels.shape), pixels)


def test_texts_are_chunks_before_the_pixels_and_every_checksum_is_valid() -> None:
    data = write_png(smooth(28, 28, 3), {"moggy": '{"seed":7}', "Title": "café"})
    names, offset = [], 8
    while offset < len(data):
        (length,) = struct.unpack_from(">I", data, offset)
        name, body = data[offset + 4 : offset + 8], data[offset + 8 : offset + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, offset + 8 + length)
        assert checksum == zlib.crc32(name + body)
        names.append(name)
        offset += 12 + length
    assert names == [b"IHDR", b"tEXt", b"tEXt", b"IDAT", b"IEND"]
    with Image.open(io.BytesIO(data)) as image:
        assert image.info == {"moggy": '{"seed":7}', "Title": "café"}


def test_the_same_pixels_are_the_same_bytes() -> None:
    pixels = smooth(64, 64, 3)
    assert write_png(pixels) == write_png(pixels.copy(order="F"))
