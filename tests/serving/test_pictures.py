"""The picture of a request becomes the pixels that an ingest makes of the same file."""

import io

import numpy as np
import pytest
from encoded_pictures import HEIC, QUADRANTS, colours_of, encode, quadrants
from PIL import Image

from app.domain.errors import InvalidRequest
from app.serving.pictures import Fit, decode_picture
from worker.ingest.decoding.levels import Levels
from worker.ingest.decoding.reader import Reader
from worker.ingest.request import ImageShape

MAX_PIXELS = 1_000_000
WIDE = encode(Image.fromarray(np.repeat(quadrants(), 2, axis=1)))  # 64 × 32


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize(("channels", "name"), [(1, "grey"), (3, "rgb"), (4, "rgba")])
def test_the_pixels_are_those_of_an_ingest(fit: Fit, channels: int, name: str) -> None:
    decoded = decode_picture(WIDE, "wide.png", (16, 24, channels), fit, max_pixels=MAX_PIXELS)
    ingest = Reader(ImageShape(24, 16, fit, name), MAX_PIXELS, Levels())
    assert decoded.shape == (16, 24, channels)
    np.testing.assert_array_equal(decoded, ingest.fit(io.BytesIO(WIDE)).pixels)


def test_a_photo_of_a_telephone_is_decoded() -> None:
    decoded = decode_picture(HEIC, "cat.heic", (32, 32, 3), max_pixels=MAX_PIXELS)
    assert np.abs(np.subtract(colours_of(decoded), QUADRANTS)).max() < 12


@pytest.mark.parametrize(
    ("data", "max_pixels", "reason"),
    [
        (b"", MAX_PIXELS, "not an image"),
        (b"PK\x03\x04 a zip", MAX_PIXELS, "not an image: none of PNG, JPEG"),
        (WIDE[:-60], MAX_PIXELS, "truncated"),
        (encode(Image.new("RGB", (9, 9))), MAX_PIXELS, "too small: 9 × 9, at least 16 × 16"),
        (WIDE, 2047, "too many pixels: 64 × 32, at most 2,047"),
    ],
)
def test_an_unusable_picture_is_refused_with_the_reason(
    data: bytes, max_pixels: int, reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=reason) as refused:
        decode_picture(data, "cat.png", (64, 64, 3), max_pixels=max_pixels)
    assert refused.value.field == "picture"
    assert refused.value.detail.startswith("picture 'cat.png' cannot be used: ")
