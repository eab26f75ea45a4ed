"""Pictures made larger, and nothing else about them changed."""

import numpy as np
import pytest

from app.serving.scaling import Display

NOISE = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_nearest_makes_each_pixel_a_square(channels: int) -> None:
    pixels = NOISE.integers(0, 256, (2, 28, 45, channels), np.uint8)
    large = Display(3, "nearest").enlarge(pixels)
    assert large.shape == (2, 84, 135, channels)
    for row, column in ((0, 0), (1, 2), (2, 1)):
        assert np.array_equal(large[:, row::3, column::3], pixels)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_lanczos_keeps_the_size_asked_for_and_what_is_even(channels: int) -> None:
    pixels = np.full((1, 28, 45, channels), 77, np.uint8)
    if channels == 4:
        pixels[..., 3] = 255
    large = Display(2).enlarge(pixels)
    assert large.shape == (1, 56, 90, channels)
    assert np.array_equal(large, np.broadcast_to(pixels[:, :1, :1], large.shape))


def test_a_colour_that_is_not_seen_does_not_bleed() -> None:
    pixels = np.zeros((1, 8, 8, 4), np.uint8)
    pixels[:, :, :4] = (255, 0, 0, 0)  # red that nobody sees
    pixels[:, :, 4:] = (0, 0, 255, 255)
    large = Display(4).enlarge(pixels)[0]
    assert large[large[..., 3] > 16][:, 0].max() == 0


def test_at_its_own_size_a_picture_stays_and_its_recipe_tells_nothing() -> None:
    pixels = NOISE.integers(0, 256, (1, 28, 28, 3), np.uint8)
    assert Display().enlarge(pixels) is pixels
    assert Display(1, "nearest").recipe() == {}
    assert Display(4, "nearest").recipe() == {"scale": 4, "resample": "nearest"}
