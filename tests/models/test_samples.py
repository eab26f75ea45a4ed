"""Sheets and PNG keep the pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from models.config import TrainingConfig
from models.networks.build import build_generator
from models.rendering import synthesize
from models.samples import png, tile
from models.seeds import latents_from_seeds


def test_a_sheet_is_read_row_by_row_and_ends_in_black() -> None:
    images = np.stack([np.full((2, 3, 1), value, np.uint8) for value in (10, 20, 30)])
    sheet = tile(images, columns=2)
    assert sheet.shape == (4, 6, 1)
    assert sheet[::2, ::3, 0].tolist() == [[10, 20], [30, 0]]


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_png_keeps_every_pixel(channels: int, mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    image = Image.open(io.BytesIO(png(pixels)))
    assert (image.format, image.mode) == ("PNG", mode)
    assert np.array_equal(np.asarray(image).reshape(pixels.shape), pixels)


def test_one_channel_pictures_have_a_sheet_too() -> None:
    config = TrainingConfig(shape=(28, 28, 1), width=8)
    pictures = synthesize(build_generator(config).eval(), latents_from_seeds(range(4), 100))
    assert Image.open(io.BytesIO(png(tile(pictures, 2)))).size == (56, 56)
