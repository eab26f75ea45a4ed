"""Colours in CIELAB, and the colour of an image's subject."""

import numpy as np
import pytest

from models.colours import from_lab, median_colours, to_lab


@pytest.mark.parametrize(
    ("colour", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),  # as Lindbloom's calculator gives them
        ((30, 144, 255), (59.38, 9.96, -63.39)),
        ((5, 5, 5), (1.37, 0, 0)),
    ],
)
def test_a_colour_has_its_published_lab_values(
    colour: tuple[int, ...], lab: tuple[float, ...]
) -> None:
    assert np.allclose(to_lab(np.array(colour)), lab, atol=0.05)
    assert tuple(from_lab(to_lab(np.array(colour)))) == colour


def test_the_subject_decides_and_neither_the_background_nor_a_detail() -> None:
    images = np.full((2, 64, 64, 3), 20, np.uint8)
    images[0, 12:52, 12:52] = (200, 100, 50)
    images[0, 30:34, 30:34] = 0
    assert np.allclose(median_colours(images)[0], to_lab(np.array([200, 100, 50])), atol=1e-4)
    assert np.allclose(median_colours(images)[1], to_lab(np.array([20, 20, 20])), atol=1e-4)


def test_grey_and_transparent_images_have_a_colour_too() -> None:
    grey = np.full((1, 28, 28, 1), 90, np.uint8)
    assert np.allclose(median_colours(grey)[0], to_lab(np.array([90, 90, 90])), atol=1e-4)
    sprite = np.zeros((1, 16, 16, 4), np.uint8)
    assert np.allclose(median_colours(sprite)[0], 0, atol=1e-4)  # nothing is opaque
    sprite[0, 6:8, 6:8] = (255, 0, 0, 255)
    assert np.allclose(median_colours(sprite)[0], to_lab(np.array([255, 0, 0])), atol=1e-4)
