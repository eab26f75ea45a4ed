"""Letterboxes are told apart from pictures on a plain background."""

from pathlib import Path

import numpy as np
import pytest
from real_images import cats, digits

from worker.ingest.doctor.letterboxes import bar_shares


@pytest.fixture(scope="module")
def pictures(shared_data: Path) -> np.ndarray:
    return cats(shared_data, 64)


@pytest.mark.parametrize("colour", [0, 128, 255])
@pytest.mark.parametrize("bar", [2, 8, 20])
def test_bars_at_opposite_edges_are_measured(pictures: np.ndarray, colour: int, bar: int) -> None:
    boxed = pictures.copy()
    boxed[:, :bar] = boxed[:, -bar:] = colour
    shares = bar_shares(boxed)
    assert (shares >= 2 * bar / 64).mean() > 0.8
    assert np.median(shares) < 2 * bar / 64 + 0.05
    upright = bar_shares(boxed.transpose(0, 2, 1, 3))
    assert np.array_equal(upright, shares)


def test_bars_all_around_count_once_each(pictures: np.ndarray) -> None:
    boxed = pictures.copy()
    boxed[:, :8] = boxed[:, -8:] = 255
    boxed[:, :, :8] = boxed[:, :, -8:] = 255
    found = bar_shares(boxed)
    assert np.median(found[found > 0]) == pytest.approx(1 - 0.75**2, abs=0.05)


def test_real_pictures_and_a_bar_at_one_edge_are_none(pictures: np.ndarray) -> None:
    assert bar_shares(pictures).max() == 0
    below = pictures.copy()
    below[:, -16:] = 0
    assert (bar_shares(below) > 0).mean() < 0.1
    other = below.copy()
    other[:, :16] = 255
    assert bar_shares(other).max() == 0


def test_digits_on_black_are_no_letterboxes(shared_data: Path) -> None:
    found = bar_shares(digits(shared_data, 6000)[..., None]) > 0
    assert found.sum() == 0


def test_a_plain_picture_is_no_letterbox() -> None:
    assert bar_shares(np.full((1, 32, 32, 1), 9, np.uint8)).tolist() == [0]
