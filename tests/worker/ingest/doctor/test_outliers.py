import numpy as np
import pytest

from worker.ingest.doctor.outliers import (
    MIN_OUTLIER_IMAGES,
    LocalDistances,
    neighbour_distances,
    outlier_limit,
)


def crowd_and_strangers(strangers: int) -> np.ndarray:
    """2,000 near one direction; after them some near another, alike among themselves."""
    generator = np.random.default_rng(0)
    middles = np.zeros((2000 + strangers, 16))
    middles[:2000, 0] = middles[2000:, 1] = 1
    vectors = middles + generator.standard_normal(middles.shape) * 0.1
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit.astype(np.float16)


def test_a_few_odd_images_are_outliers_though_they_are_alike() -> None:
    distances = neighbour_distances(crowd_and_strangers(15), lambda: None)
    beyond = distances > outlier_limit(distances)
    assert beyond[2000:].all()
    assert beyond[:2000].mean() < 0.02


def test_images_of_a_kind_that_is_not_rare_are_no_outliers() -> None:
    distances = neighbour_distances(crowd_and_strangers(400), lambda: None)
    assert (distances > outlier_limit(distances)).mean() < 0.03


def test_of_few_pictures_none_is_an_outlier() -> None:
    features = crowd_and_strangers(1)[-MIN_OUTLIER_IMAGES + 1 :]
    distances = neighbour_distances(features, lambda: None)
    assert not (distances > outlier_limit(distances)).any()
    assert len(neighbour_distances(features[:2], lambda: None)) == 2


def test_the_twentieth_neighbour_is_found_and_of_more_pictures_guessed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features = crowd_and_strangers(0)
    wide = features.astype(float)
    places = np.array([5, 9, 5, 1900])
    apart = np.linalg.norm(wide[places, None] - wide[None], axis=2)
    exact = np.sort(apart, axis=1)[:, 20]  # its own is the first
    assert LocalDistances(features)(places) == pytest.approx(exact, abs=5e-3)
    monkeypatch.setattr("worker.ingest.doctor.outliers.LOCAL_SAMPLE", 1000)
    assert LocalDistances(features)(places) == pytest.approx(exact, rel=0.2)
    assert np.isinf(LocalDistances(features[:50])(np.array([3]))).all()
