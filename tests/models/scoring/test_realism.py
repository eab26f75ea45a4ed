"""The realism of an image: high near the dense part of the real images, low far from it."""

import numpy as np

from models.scoring.realism import MAX_REFERENCE, Reference


def unit(vectors: np.ndarray) -> np.ndarray:
    normed: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normed.astype(np.float32)


def cluster(count: int, spread: float, seed: int) -> np.ndarray:
    centre = np.zeros(128)
    centre[0] = 1
    return unit(centre + spread * np.random.default_rng(seed).standard_normal((count, 128)))


def test_the_score_is_minus_the_mean_distance_to_the_nearest_twentieth() -> None:
    real, images = cluster(60, 0.05, 0), cluster(9, 0.1, 1)
    stored = real.astype(np.float16).astype(np.float64)
    distances = np.linalg.norm(images[:, None] - stored[None], axis=2)
    expected = -np.sort(distances, axis=1)[:, :3].mean(1)
    assert np.allclose(Reference.of_dataset(real).realism(images), expected, rtol=2e-3)


def test_images_score_lower_the_further_they_are_from_the_real_ones() -> None:
    reference = Reference.of_dataset(cluster(300, 0.05, 0))
    medians = [
        float(np.median(reference.realism(cluster(50, spread, 1))))
        for spread in (0.02, 0.05, 0.1, 0.5)
    ]
    assert medians == sorted(medians, reverse=True)
    assert 0 > medians[0] > medians[-1] > -2


def test_an_outlier_among_the_real_images_makes_nothing_real() -> None:
    real = cluster(60, 0.02, 0)
    real[0] = -real[0]
    near_outlier = unit(real[:1] + 0.02 * np.random.default_rng(3).standard_normal((1, 128)))
    reference = Reference.of_dataset(real)
    assert reference.realism(near_outlier)[0] < reference.realism(cluster(50, 0.1, 1)).min()


def test_few_and_equal_and_very_many_real_images_have_a_reference() -> None:
    pair = np.repeat(cluster(1, 0.1, 0), 2, 0)
    assert np.isfinite(Reference.of_dataset(pair).realism(pair)).all()
    many = Reference.of_dataset(cluster(MAX_REFERENCE + 5, 0.05, 0))
    assert many.features.shape == (MAX_REFERENCE, 128)
