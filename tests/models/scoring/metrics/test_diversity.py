"""Structural similarity is the published one, at any size and with any channels."""

from pathlib import Path

import numpy as np
import pytest
import torch
from real_images import cats, digits_by_class
from scipy import ndimage

from models.scoring.metrics.blocks import planes
from models.scoring.metrics.diversity import diversity, ms_ssim


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def published(a: np.ndarray, b: np.ndarray, weights: tuple[float, ...]) -> float:
    """MS-SSIM of two planes (H, W) in [0, 1] with scipy's filters, cut to whole windows."""
    total = 1.0
    for scale, weight in enumerate(weights):

        def blur(x: np.ndarray) -> np.ndarray:
            blurred: np.ndarray = ndimage.gaussian_filter(x, 1.5, truncate=3.34)
            return blurred[5:-5, 5:-5]

        mean_a, mean_b = blur(a), blur(b)
        covariance = blur(a * b) - mean_a * mean_b
        spread = blur(a * a) - mean_a**2 + blur(b * b) - mean_b**2
        value = (2 * covariance + 0.03**2) / (spread + 0.03**2)
        if scale == len(weights) - 1:
            squares = mean_a**2 + mean_b**2
            value = value * (2 * mean_a * mean_b + 0.01**2) / (squares + 0.01**2)
        total *= max(0.0, value.mean()) ** (weight / sum(weights))
        a, b = (x.reshape(len(x) // 2, 2, -1, 2).mean((1, 3)) for x in (a, b))
    return total


def test_it_is_the_published_similarity(shared_data: Path) -> None:
    pictures = cats(shared_data, 12)
    a, b = planes(pictures[:6]), planes((pictures[:6] // 2 + pictures[6:] // 2).astype(np.uint8))
    weights = (0.0448, 0.2856, 0.3001)  # 64, 32 and 16 pixels: the window of 11 fits no fourth
    for place, found in enumerate(ms_ssim(a, b).tolist()):
        channels = [
            published(a[place, c].double().numpy(), b[place, c].double().numpy(), weights)
            for c in range(3)
        ]
        assert found == pytest.approx(np.mean(channels), abs=1e-4)


def test_digits_differ_and_one_digit_does_not(shared_data: Path) -> None:
    by_class = digits_by_class(shared_data, 30)
    everything = diversity(by_class.reshape(-1, 28, 28, 1), generator())
    ones = diversity(by_class[1], generator())
    assert ones < 0.8 * everything
    assert diversity(by_class[0, :1].repeat(40, 0), generator()) == pytest.approx(0, abs=1e-6)


def test_cats_lose_diversity_by_collapsing(shared_data: Path) -> None:
    pictures = cats(shared_data, 200)
    whole = diversity(pictures, generator())
    assert whole > 0.8
    assert diversity(pictures[np.arange(200) % 3], generator()) < 0.85 * whole


@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 9, 3), (28, 28, 1), (31, 64, 4), (300, 200, 3)])
def test_any_shape_has_a_diversity(shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(1).integers(0, 256, (3, *shape), np.uint8)
    assert 0 < diversity(images, generator()) <= 1


@pytest.mark.parametrize("level", [0, 255])
def test_flat_pictures_are_alike(level: int) -> None:
    images = np.full((5, 28, 28, 3), level, np.uint8)
    assert diversity(images, generator()) == 0
    assert diversity(images[:1], generator()) == 0
