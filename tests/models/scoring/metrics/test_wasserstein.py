"""The pyramid keeps the picture, sorting gives scipy's distance, and damage raises it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from real_images import cats, digits_by_class
from scipy import ndimage, stats

from models.scoring.metrics.blocks import planes
from models.scoring.metrics.wasserstein import (
    COARSEST_SIDE,
    PatchReference,
    Projection,
    laplacian_pyramid,
)


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> np.ndarray:
    return cats(shared_data, 600)


def test_the_pyramid_has_the_published_blur(real: np.ndarray) -> None:
    pictures = planes(real[:2])
    levels = laplacian_pyramid(pictures)
    assert [level.shape[2] for level in levels] == [64, 32, 16]
    weights = np.array([1, 4, 6, 4, 1]) / 16
    x = pictures[1, 2].double().numpy()
    blurred = ndimage.convolve1d(
        ndimage.convolve1d(x, weights, 0, mode="mirror"), weights, 1, mode="mirror"
    )
    coarse = blurred[::2, ::2]
    spread = np.zeros((64, 64))
    spread[::2, ::2] = coarse
    up = 4 * ndimage.convolve1d(
        ndimage.convolve1d(spread, weights, 0, mode="mirror"), weights, 1, mode="mirror"
    )
    assert np.allclose(levels[0][1, 2], x - up, atol=1e-6)


@pytest.mark.parametrize(
    ("side", "sides"),
    [(28, [28, 14]), (27, [27]), (33, [33, 17]), (128, [128, 64, 32, 16]), (5, [5])],
)
def test_levels_end_before_they_are_too_small(side: int, sides: list[int]) -> None:
    levels = laplacian_pyramid(torch.rand(1, 1, side, side))
    assert [level.shape[2] for level in levels] == sides
    assert min(sides) >= min(side, COARSEST_SIDE)


def test_sorted_projections_are_scipys_distance() -> None:
    random = generator()
    a, b = (
        torch.randn(500, 3, 7, 7, generator=random),
        torch.randn(500, 3, 7, 7, generator=random) + 0.3,
    )
    project = Projection.of(a, random)
    ours = (project(a) - project(b)).abs().mean(1)
    points = [((patches - project.mean) / project.deviation).flatten(1) for patches in (a, b)]
    for line in (0, 50):
        on_line = [(patches @ project.directions[line]).numpy() for patches in points]
        assert float(ours[line]) == pytest.approx(stats.wasserstein_distance(*on_line), rel=1e-4)


def test_damage_raises_it_above_what_other_real_pictures_have(real: np.ndarray) -> None:
    reference = PatchReference(real[:300], generator())
    other = real[300:]
    blurred = np.stack(
        [np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(1))) for image in other]
    )
    noise = np.random.default_rng(1).integers(0, 256, other.shape, np.uint8)
    brighter = np.minimum(other.astype(int) + 30, 255).astype(np.uint8)
    floor, *damaged = (
        reference.distance(images, generator(2)) for images in (other, brighter, blurred, noise)
    )
    assert all(3 * floor < distance for distance in damaged)
    assert max(damaged) == damaged[-1]


def test_digits_at_28_pixels_have_a_distance(shared_data: Path) -> None:
    by_class = digits_by_class(shared_data, 60)
    everything = by_class.reshape(-1, 28, 28, 1)
    reference = PatchReference(everything[::2], generator())
    floor = reference.distance(everything[1::2], generator(2))
    assert reference.distance(by_class[1], generator(2)) > 2 * floor


@pytest.mark.parametrize("shape", [(1, 1, 1), (6, 40, 3), (28, 28, 1), (64, 48, 4)])
def test_any_shape_and_a_single_flat_picture_have_a_distance(shape: tuple[int, int, int]) -> None:
    flat = np.full((1, *shape), 128, np.uint8)
    noise = np.random.default_rng(1).integers(0, 256, (3, *shape), np.uint8)
    assert PatchReference(flat, generator()).distance(flat, generator(2)) == 0
    assert 0 < PatchReference(flat, generator()).distance(noise, generator(2)) < 1e4
