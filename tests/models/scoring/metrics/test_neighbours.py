"""Distances are exact in any blocks; overlap is the published one; copies are found."""

from pathlib import Path

import numpy as np
import pytest
import torch
from real_images import digits_by_class
from torch import Tensor

from models.scoring.metrics import blocks
from models.scoring.metrics.neighbours import (
    KnownImages,
    Neighbourhoods,
    Overlap,
    nearest_distances,
    neighbour_distances,
)
from models.scoring.nearest import SAME_IMAGE_DISTANCE


@pytest.fixture(params=[1 << 21, 5000])
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_VALUES", request.param)


@pytest.mark.usefixtures("_blocks")
def test_blocks_give_the_nearest_and_the_kth_neighbour(cat_features: Tensor) -> None:
    a, b = cat_features[:100].double(), cat_features[100:].double()
    exact = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
    assert torch.allclose(
        nearest_distances(a.float(), b.float()).double(), exact.amin(1), atol=1e-4
    )
    among = torch.cdist(a, a, compute_mode="donot_use_mm_for_euclid_dist")
    third = among.kthvalue(4).values  # the first is the picture itself
    assert torch.allclose(neighbour_distances(a.float(), 3).double(), third, atol=1e-4)


def test_too_few_pictures_have_the_farthest_for_a_neighbour(cat_features: Tensor) -> None:
    pair = cat_features[:2]
    apart = (pair[0] - pair[1]).norm()
    assert torch.allclose(neighbour_distances(pair, 5), apart.expand(2), atol=1e-4)
    assert neighbour_distances(pair[:1], 5).tolist() == pytest.approx([SAME_IMAGE_DISTANCE])


def test_copies_keep_a_ball_around_them(cat_features: Tensor) -> None:
    assert neighbour_distances(cat_features[:1].repeat(9, 1), 3).tolist() == pytest.approx(
        [SAME_IMAGE_DISTANCE] * 9
    )


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


def test_copies_count_and_pictures_that_are_new_do_not(cat_features: Tensor) -> None:
    known = KnownImages.of(cat_features[:400], 400)
    new = cat_features[400:]
    assert known.copy_rate(cat_features[:200]) == 1
    assert known.copy_rate(new) <= 0.05  # 1 % is expected, of 200: two
    assert known.copy_rate(torch.cat([cat_features[:50], new[:150]])) >= 0.25


def test_a_copy_stored_in_half_precision_counts_as_a_copy(cat_features: Tensor) -> None:
    known = KnownImages.of(cat_features.half(), 300)
    assert known.copy_rate(cat_features) == 1


def test_the_threshold_is_where_one_real_picture_in_a_hundred_lies(cat_features: Tensor) -> None:
    known = KnownImages.of(cat_features, 600)
    apart = torch.cdist(cat_features.double(), cat_features.double()).fill_diagonal_(9).amin(1)
    assert abs(known.threshold - float(apart.quantile(0.01))) < 1e-3


def test_a_set_of_duplicates_still_finds_copies(cat_features: Tensor) -> None:
    twice = cat_features[:200].repeat(2, 1)
    known = KnownImages.of(twice, 400)
    assert known.threshold == SAME_IMAGE_DISTANCE
    assert known.copy_rate(cat_features[:100]) == 1
    assert known.copy_rate(cat_features[300:]) < 0.05


def test_a_single_picture_is_copied_by_itself_alone(cat_features: Tensor) -> None:
    known = KnownImages.of(cat_features[:1], 1)
    assert known.copy_rate(cat_features[:1]) == 1
    assert known.copy_rate(cat_features[1:]) == 0
