"""A few examples teach the latent value that decides, and the accuracy says how well."""

import numpy as np
import pytest

from models.directions.taught import Accuracy, Examples, Teacher
from models.directions.vectors import unit
from models.seeds import latents_from_seeds

DIM, SAMPLES, FEATURES = 12, 2000, 32
LATENTS = latents_from_seeds(range(SAMPLES), DIM)
LABELS = np.arange(SAMPLES) % 3
EXAMPLES = latents_from_seeds(range(5000, 5400), DIM)
AXES = np.eye(DIM, dtype=np.float32)


def embed(latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Embeddings that show the first latent value, others, noise, and the class."""
    random = np.random.default_rng(0)
    weights = random.normal(size=(DIM, FEATURES))
    weights[0] *= 3
    features = latents @ weights
    if labels is not None:
        features += 3 * random.normal(size=(3, FEATURES))[labels]
    features += random.normal(size=features.shape)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features, np.float32)


def examples(each: int) -> Examples:
    """The same number of examples on each side of the first latent value."""
    positive = np.flatnonzero(EXAMPLES[:, 0] > 0.5)[:each]
    negative = np.flatnonzero(EXAMPLES[:, 0] < -0.5)[:each]
    latents = EXAMPLES[np.concatenate([positive, negative])]
    return Examples(embed(latents), latents, np.arange(2 * each) < each)


@pytest.mark.parametrize(("each", "cosine"), [(5, 0.7), (50, 0.95)])
def test_examples_teach_the_latent_value_that_they_differ_in(each: int, cosine: float) -> None:
    taught = Teacher(LATENTS, embed(LATENTS)).teach(examples(each))
    assert taught.vector[0] > cosine
    assert np.linalg.norm(taught.vector) == pytest.approx(1)
    assert taught.accuracy.examples == 2 * each
    assert taught.accuracy.value > 0.8


def test_what_a_class_adds_to_the_images_is_not_learnt_as_a_direction() -> None:
    features = embed(LATENTS, LABELS)
    vector = Teacher(LATENTS, features, LABELS).teach(examples(50)).vector
    assert vector[0] > 0.9


def test_examples_that_differ_in_nothing_have_an_accuracy_around_chance() -> None:
    positive = np.arange(100) % 2 == 0
    latents = EXAMPLES[:100]
    accuracy = Teacher(LATENTS, embed(LATENTS)).teach(Examples(embed(latents), latents, positive))[
        2
    ]
    assert accuracy.low < 0.5 < accuracy.high


def test_two_examples_on_each_side_are_enough() -> None:
    assert Teacher(LATENTS, embed(LATENTS)).teach(examples(2)).accuracy.examples == 4


def test_the_direction_is_independent_of_those_it_is_orthogonal_to() -> None:
    other = unit(AXES[0] + AXES[1])
    taught = Teacher(LATENTS, embed(LATENTS)).teach(examples(50), [other])
    assert float(taught.vector @ other) == pytest.approx(0, abs=1e-6)
    assert taught.vector[0] > 0.6
    assert taught.accuracy.value < Teacher(LATENTS, embed(LATENTS)).teach(examples(50))[2].value


def test_the_interval_of_an_accuracy_is_wilsons() -> None:
    accuracy = Accuracy.of(9, 10)
    assert (accuracy.value, accuracy.examples) == (0.9, 10)
    assert (accuracy.low, accuracy.high) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert Accuracy.of(10, 10).high == 1
