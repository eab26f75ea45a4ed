"""Colours in CIELAB, and the colours of the cells of an image."""

import numpy as np
import pytest

from models.colours import cell_colours, from_lab, to_lab


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


def test_a_cell_has_its_median_whatever_the_border_and_the_details() -> None:
    images = np.full((2, 64, 64, 3), 20, np.uint8)
    images[0, 8:56, 8:56] = (200, 100, 50)
    images[0, 8:24, 8:24] = (0, 0, 255)
    images[0, 30:34, 30:34] = 0
    cells = cell_colours(images)
    assert cells.shape == (2, 9, 3)
    assert np.allclose(cells[0, 0], to_lab(np.array([0, 0, 255])), atol=1e-4)
    assert np.allclose(cells[0, 1:], to_lab(np.array([200, 100, 50])), atol=1e-4)
    assert np.allclose(cells[1], to_lab(np.array([20, 20, 20])), atol=1e-4)


def test_grey_and_transparent_images_have_colours_too() -> None:
    grey = np.full((1, 28, 28, 1), 90, np.uint8)
    assert np.allclose(cell_colours(grey), to_lab(np.array([90, 90, 90])), atol=1e-4)
    sprite = np.zeros((1, 32, 32, 4), np.uint8)
    assert np.allclose(cell_colours(sprite), 0, atol=1e-4)  # nothing is opaque
    sprite[0, 15:17, 15:17] = (255, 0, 0, 255)
    assert np.allclose(cell_colours(sprite)[0, 4], to_lab(np.array([255, 0, 0])), atol=1e-4)
