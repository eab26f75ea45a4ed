"""The Fréchet distance is scipy's, and its resamples are those of pictures drawn again."""

import numpy as np
import pytest
import torch
from scipy import linalg
from torch import Tensor

from models.scoring.metrics.frechet import FrechetReference, Moments, frechet_distances
from models.scoring.scores import bootstrap_weights


def ones(features: Tensor) -> Tensor:
    return torch.ones(1, len(features), dtype=torch.float64)


def distance(a: Tensor, b: Tensor) -> float:
    reference = FrechetReference.of(a, ones(a))
    return float(frechet_distances(reference, Moments.of(b, ones(b))))


def by_scipy(a: Tensor, b: Tensor) -> float:
    """The formula with a general matrix root, as the first implementation of the score has it."""
    (x, y), (s, t) = (
        [sample.double().numpy() for sample in (a, b)],
        [np.cov(sample.double().numpy(), rowvar=False) for sample in (a, b)],
    )
    root = linalg.sqrtm(s @ t)
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s + t - 2 * root.real))


def by_eigenvalues(a: Tensor, b: Tensor) -> float:
    """The formula as torch-fidelity has it, for covariances that have no inverse."""
    x, y = a.double().numpy(), b.double().numpy()
    s, t = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.sqrt(np.linalg.eigvals(s @ t).astype(complex)).real.sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * root)


def test_it_is_scipys_on_the_same_features(cat_features: Tensor, digit_features: Tensor) -> None:
    digits = digit_features.flatten(0, 1)
    for a, b in ((cat_features, digits), (cat_features[:300], cat_features[300:])):
        assert distance(a, b) == pytest.approx(by_scipy(a, b), rel=1e-5, abs=1e-7)
        assert distance(a, b) == pytest.approx(by_eigenvalues(a, b), rel=1e-5, abs=1e-7)


def test_fewer_pictures_than_features_are_no_obstacle(cat_features: Tensor) -> None:
    a, b = cat_features[:40], cat_features[40:70]
    assert distance(a, b) == pytest.approx(by_eigenvalues(a, b), rel=1e-3)


def test_the_distance_of_a_sample_to_itself_is_0(cat_features: Tensor) -> None:
    assert distance(cat_features, cat_features) < 1e-6


def test_a_single_picture_has_no_spread(cat_features: Tensor) -> None:
    sample, rest = cat_features[:1], cat_features[1:]
    apart = (sample[0].double() - rest.double().mean(0)).square().sum()
    assert distance(rest, sample) == pytest.approx(float(apart + rest.double().var(0).sum()))


def test_a_resample_is_the_pictures_repeated(cat_features: Tensor) -> None:
    some = cat_features[:150]
    weights = bootstrap_weights(len(some), torch.Generator().manual_seed(1))
    moments = Moments.of(some, weights)
    drawn = some.double().repeat_interleave(weights[7].long(), 0).numpy()
    assert np.allclose(moments.mean[7], drawn.mean(0), atol=1e-12)
    assert np.allclose(moments.covariance[7], np.cov(drawn, rowvar=False), atol=1e-12)


def test_its_bias_falls_with_the_count(cat_features: Tensor) -> None:
    """Between halves of one set it is c · (1/n + 1/m): twice as far with half the pictures."""
    halves = distance(cat_features[:300], cat_features[300:])
    quarters = [
        distance(cat_features[s : s + 150], cat_features[s + 150 : s + 300]) for s in (0, 300)
    ]
    assert 1.5 < np.mean(quarters) / halves < 2.5
