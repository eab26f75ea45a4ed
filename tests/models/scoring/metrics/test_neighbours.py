"""Precision, recall, density and coverage are the published ones, and mean what they should."""

from pathlib import Path

import numpy as np
import pytest
import torch
from real_pictures import digits_by_class
from torch import Tensor

from models.scoring.metrics.neighbours import Neighbourhoods, Overlap


def overlap(real: Tensor, generated: Tensor) -> Overlap:
    return Neighbourhoods.of(real).overlap(generated)


def published(real: np.ndarray, generated: np.ndarray) -> Overlap:
    """As torch-fidelity (precision, recall) and the authors (density, coverage) compute them."""
    apart = torch.cdist(torch.from_numpy(real).double(), torch.from_numpy(generated).double())

    def radii(features: np.ndarray, k: int) -> Tensor:
        x = torch.from_numpy(features).double()
        return torch.cdist(x, x).kthvalue(k + 1).values

    inside_real = apart <= radii(real, 3)[:, None]
    inside_generated = apart <= radii(generated, 3)[None, :]
    close = apart < radii(real, 5)[:, None]
    return Overlap(
        precision=inside_real.any(0).double().mean().item(),
        recall=inside_generated.any(1).double().mean().item(),
        density=close.double().sum(0).mean().item() / 5,
        coverage=(apart.amin(1) < radii(real, 5)).double().mean().item(),
    )


@pytest.mark.parametrize("generated", ["cats", "digits"])
def test_they_are_the_published_ones_on_the_same_features(
    cat_features: Tensor, digit_features: Tensor, generated: str
) -> None:
    real = cat_features[:350]
    other = {"cats": cat_features[350:], "digits": digit_features.flatten(0, 1)}[generated]
    ours, theirs = overlap(real, other), published(real.numpy(), other.numpy())
    for name in ("precision", "recall", "density", "coverage"):
        # One tie in 350 pictures may fall to the other side.
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=1 / 350)


def test_missing_classes_cost_recall_and_coverage_but_no_precision(shared_data: Path) -> None:
    pixels = torch.from_numpy(digits_by_class(shared_data, 60)).float().flatten(2) / 255
    real, other = pixels[:, :30].flatten(0, 1), pixels[:, 30:]
    whole, half = overlap(real, other.flatten(0, 1)), overlap(real, other[:5].flatten(0, 1))
    assert half.precision > whole.precision - 0.05
    assert half.recall < 0.85 * whole.recall
    assert half.coverage < 0.75 * whole.coverage


def test_a_collapse_to_one_picture_covers_nothing(cat_features: Tensor) -> None:
    found = overlap(cat_features, cat_features[7:8].repeat(300, 1))
    assert found.precision == 1
    assert found.recall < 0.01
    assert found.coverage < 0.1


def test_the_real_pictures_themselves_lie_inside_and_cover_all(cat_features: Tensor) -> None:
    found = overlap(cat_features, cat_features)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_equal_pictures_are_found_equal(cat_features: Tensor, count: int) -> None:
    equal = cat_features[:1].repeat(count, 1)
    found = overlap(equal, equal)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    assert found.density >= 1
