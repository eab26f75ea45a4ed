"""The kernel distance is torch-fidelity's over all pairs, without bias, resampled too."""

import numpy as np
import pytest
import torch
from torch import Tensor

from models.scoring.metrics.kernel import KernelSample, kernel_distances
from models.scoring.scores import bootstrap_weights, confidence_interval


def distance(a: Tensor, b: Tensor) -> float:
    ours, theirs = (torch.ones(1, len(sample), dtype=torch.float64) for sample in (a, b))
    return float(kernel_distances(KernelSample.of(a, ours), KernelSample.of(b, theirs)))


def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    values: np.ndarray = (x @ y.T / x.shape[1] + 1) ** 3
    return values


def by_torch_fidelity(x: np.ndarray, y: np.ndarray) -> float:
    """Its unbiased estimate of one subset, of m pictures on each side, here all of them."""
    m = len(x)
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    within = xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)
    return float(within / (m * (m - 1)) - 2 * xy.sum() / (m * m))


def test_it_is_torch_fidelitys_on_the_same_features(
    cat_features: Tensor, digit_features: Tensor
) -> None:
    for a, b in (
        (cat_features, digit_features.flatten(0, 1)),
        (cat_features[:300], cat_features[300:]),
    ):
        # Unit vectors brought to the length that the kernel's 1/D expects.
        x, y = (sample.double().numpy() * np.sqrt(128) for sample in (a, b))
        assert distance(a, b) == pytest.approx(by_torch_fidelity(x, y), rel=1e-9, abs=1e-12)


def test_it_does_not_matter_in_how_many_blocks_it_is_computed(
    cat_features: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = distance(cat_features[:250], cat_features[250:])
    monkeypatch.setattr("models.scoring.metrics.blocks.BLOCK_VALUES", 5000)
    assert distance(cat_features[:250], cat_features[250:]) == pytest.approx(whole, rel=1e-9)


def test_two_samples_of_one_set_are_at_no_distance_on_average(cat_features: Tensor) -> None:
    generator = torch.Generator().manual_seed(1)
    found = []
    for _ in range(40):
        order = torch.randperm(600, generator=generator)
        found.append(distance(cat_features[order[:50]], cat_features[order[50:130]]))
    assert min(found) < 0 < max(found)
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))


def test_a_resample_leaves_out_every_picture_beside_itself(cat_features: Tensor) -> None:
    some = cat_features[:40]
    weights = bootstrap_weights(len(some), torch.Generator().manual_seed(1))
    x = some.double().numpy() * np.sqrt(128)
    drawn = np.repeat(np.arange(40), weights[3].long().numpy())
    different = drawn[:, None] != drawn[None, :]
    expected = kernel(x, x)[np.ix_(drawn, drawn)][different].mean()
    assert float(KernelSample.of(some, weights).within[3]) == pytest.approx(expected)


def test_the_interval_holds_nothing_for_one_set_and_not_for_two(
    cat_features: Tensor, digit_features: Tensor
) -> None:
    generator = torch.Generator().manual_seed(1)
    real, same, other = (
        KernelSample.of(sample, bootstrap_weights(len(sample), generator))
        for sample in (cat_features[:300], cat_features[300:], digit_features.flatten(0, 1))
    )
    low, high = confidence_interval(kernel_distances(real, same))
    assert low < 0 < high
    low, high = confidence_interval(kernel_distances(real, other))
    assert 0 < low < high


def test_a_single_picture_stands_for_its_own_pair(cat_features: Tensor) -> None:
    assert distance(cat_features[:1], cat_features[:1]) == pytest.approx(0, abs=1e-12)
    assert distance(cat_features[:1], cat_features[1:]) > 0
