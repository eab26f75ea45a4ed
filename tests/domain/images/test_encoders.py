"""Encoded files hold the pixels and their recipe."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from app.domain.images.encoders import encode_grid, encode_image, encode_png
from app.domain.images.recipes import shortest_decimals

RECIPE = {"model": "cats", "seed": 7, "class": None}
NOISE = np.random.default_rng(0)


def pixels(*shape: int) -> np.ndarray:
    return NOISE.integers(0, 256, shape, np.uint8)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def exif_recipe(image: Image.Image) -> object:
    comment = image.getexif().get_ifd(0x8769)[0x9286]
    return json.loads(comment.removeprefix(b"ASCII\0\0\0"))


@pytest.mark.parametrize("image_format", ["png", "webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_png_and_webp_hold_exactly_the_pixels(image_format: str, channels: int) -> None:
    picture = pixels(28, 28, channels)
    image = opened(encode_image(picture, image_format, RECIPE))
    assert image.format == image_format.upper()
    expected = np.broadcast_to(picture, (28, 28, 3))
    assert np.array_equal(np.asarray(image.convert("RGB")), expected)


@pytest.mark.parametrize("image_format", ["png", "webp"])
def test_png_and_webp_keep_alpha_and_the_colours_below_it(image_format: str) -> None:
    picture = pixels(48, 80, 4)
    picture[:8, :, 3] = 0
    image = opened(encode_image(picture, image_format, RECIPE))
    assert (image.mode, image.size) == ("RGBA", (80, 48))
    assert np.array_equal(np.asarray(image), picture)


def test_a_jpg_shows_transparent_pixels_on_white() -> None:
    picture = np.zeros((32, 32, 4), np.uint8)
    picture[:, :16] = (200, 0, 0, 255)
    picture[:16, 16:] = (0, 0, 0, 128)
    image = np.asarray(opened(encode_image(picture, "jpg", RECIPE))).astype(int)
    assert image.shape == (32, 32, 3)
    for position, colour in (((8, 8), (200, 0, 0)), ((8, 24), (127,) * 3), ((24, 24), (255,) * 3)):
        assert np.abs(image[position] - colour).max() <= 3


def test_jpg_is_close_to_the_pixels() -> None:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    picture = np.stack([np.add.outer(ramp // 2, ramp // 2)] * 3, axis=-1)
    image = opened(encode_image(picture, "jpg", RECIPE))
    assert image.format == "JPEG"
    assert np.abs(np.asarray(image).astype(int) - picture).max() <= 4


def test_a_grey_png_stays_grey() -> None:
    assert opened(encode_png(pixels(28, 28, 1), RECIPE)).mode == "L"


def test_the_recipe_is_read_back_from_every_format() -> None:
    picture = pixels(32, 32, 3)
    assert json.loads(opened(encode_image(picture, "png", RECIPE)).info["moggy"]) == RECIPE
    for image_format in ("jpg", "webp"):
        assert exif_recipe(opened(encode_image(picture, image_format, RECIPE))) == RECIPE


def test_a_latent_in_a_recipe_reads_back_as_the_same_float32() -> None:
    latent = NOISE.standard_normal(1024).astype(np.float32)
    picture = pixels(8, 8, 3)
    for image_format in ("jpg", "webp"):
        data = encode_image(picture, image_format, {"latent": shortest_decimals(latent)})
        read = exif_recipe(opened(data))
        assert isinstance(read, dict)
        assert np.array(read["latent"], np.float32).tobytes() == latent.tobytes()


def test_a_grid_is_filled_row_by_row() -> None:
    pictures = pixels(3, 4, 4, 3)
    grid = np.asarray(opened(encode_grid(pictures, 2, RECIPE)))
    assert grid.shape == (8, 8, 3)
    assert np.array_equal(grid[:4, 4:], pictures[1])
    assert np.array_equal(grid[4:, :4], pictures[2])
    assert not grid[4:, 4:].any()


def test_empty_cells_of_a_grid_with_alpha_are_transparent() -> None:
    pictures = pixels(3, 6, 4, 4)
    grid = np.asarray(opened(encode_grid(pictures, 2, RECIPE)))
    assert grid.shape == (12, 8, 4)
    assert np.array_equal(grid[6:, :4], pictures[2])
    assert not grid[6:, 4:, 3].any()
