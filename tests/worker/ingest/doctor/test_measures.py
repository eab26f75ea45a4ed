"""Sharpness, variation and thumbnails of real pictures, and of what was done to them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from real_images import cats

from worker.ingest.doctor.measures import Measurer, on_white


@pytest.fixture(scope="module")
def pictures(shared_data: Path) -> np.ndarray:
    return cats(shared_data, 64)


def changed(pictures: np.ndarray, change: object) -> np.ndarray:
    assert callable(change)
    return np.stack([np.asarray(change(Image.fromarray(picture))) for picture in pictures])


def test_blur_is_recognised_at_every_resolution(pictures: np.ndarray) -> None:
    sharp = Measurer(64, 64)(pictures).sharpness
    blurred = changed(pictures, lambda image: image.filter(ImageFilter.GaussianBlur(1.5)))
    enlarged = changed(pictures, lambda image: image.resize((192, 192), Image.Resampling.BICUBIC))
    halved = changed(pictures, lambda image: image.resize((32, 32), Image.Resampling.LANCZOS))
    assert np.median(sharp) > 0.7
    assert np.median(Measurer(32, 32)(halved).sharpness) > 0.7
    assert Measurer(64, 64)(blurred).sharpness.max() < 0.57
    assert Measurer(192, 192)(enlarged).sharpness.max() < 0.6


def test_sharpness_does_not_depend_on_contrast(pictures: np.ndarray) -> None:
    pale = (100 + pictures * 0.2).astype(np.uint8)
    before, after = Measurer(64, 64)(pictures).sharpness, Measurer(64, 64)(pale).sharpness
    assert np.abs(np.log(after / before)).mean() < 0.1


def test_variation_is_that_of_brightness_or_of_colour() -> None:
    plain = np.full((1, 28, 40, 3), 90, np.uint8)
    half = plain.copy()
    half[:, :, 20:] = 110
    coloured = plain.copy()
    coloured[:, :, 20:] = (130, 90, 50)  # as bright as the rest
    variation = Measurer(28, 40)(np.concatenate([plain, half, coloured])).variation
    assert variation[:2].tolist() == [0, 10]
    assert variation[2] > 15


def test_a_thumbnail_averages_the_picture() -> None:
    picture = np.zeros((1, 32, 64, 1), np.uint8)
    picture[:, :16] = 200
    thumbnail = Measurer(32, 64)(picture).thumbnails[0]
    assert thumbnail.shape == (32, 32)
    assert thumbnail[:16].min() == thumbnail[:16].max() == 200
    assert thumbnail[16:].max() == 0


def test_transparent_pixels_are_white() -> None:
    picture = np.zeros((1, 8, 8, 4), np.uint8)
    picture[:, 4:, :, 3] = 255
    shown = on_white(picture)
    assert shown.shape == (1, 8, 8, 3)
    assert (shown[:, :4] == 255).all()
    assert (shown[:, 4:] == 0).all()
