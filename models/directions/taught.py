"""A direction taught by examples: the normal of a linear boundary between two sets of latents.

As in InterFaceGAN: Shen, Gu, Tang, Zhou (arXiv 1907.10786), who label 500,000 images with a trained
classifier. Here a person gives a few examples. A linear classifier of the examples' embeddings
scores the samples of the checkpoint's index, and the boundary is fitted to the index's latents:
thousands of latents with imprecise labels determine it better than a few exact ones. Measured on
5,000 samples of a cat model, for bright fur against the rest, as the area under the ROC curve of
other samples: 0.95 against 0.68 for 3 examples on each side, 0.99 against 0.79 for 10, and 0.997
against 0.98 for 100.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from models.directions.vectors import Precise, orthogonalised, unit
from models.samples import Features, Vector
from models.seeds import Latents

Sides = NDArray[np.bool_]  # (N,): whether an example is a positive one

FOLDS = 5
PENALTY = 0.1  # on the square of the weights; between 0.01 and 1 the accuracy is the same
BIAS_PENALTY = 1e-9  # only for numerical stability
NEWTON_STEPS, CONVERGED = 30, 1e-6
MIN_DEVIATION = 1e-6
LATENT_SHRINKAGE = 0.01  # of the latents' covariance, towards a multiple of the identity
CONFIDENCE = 1.96  # standard deviations: 95 %


class Accuracy(NamedTuple):
    """How many of `examples` were classified correctly; `low` and `high` are a 95 % interval."""

    value: float
    low: float
    high: float
    examples: int

    @classmethod
    def of(cls, correct: int, examples: int) -> Self:
        """With the interval of Wilson (1927), which holds for few examples too."""
        share, squared = correct / examples, CONFIDENCE**2
        scale = 1 + squared / examples
        centre = (share + squared / (2 * examples)) / scale
        spread = share * (1 - share) / examples + squared / (4 * examples**2)
        half = CONFIDENCE * math.sqrt(spread) / scale
        return cls(share, max(0.0, centre - half), min(1.0, centre + half), examples)


class Examples(NamedTuple):
    """Images on both sides: their embeddings (E, F), their latents (E, D) and their sides (E,).

    The latent of a real picture is that of the nearest sample of the index.
    """

    features: Features
    latents: Latents
    positive: Sides


class Classifier(NamedTuple):
    """A linear classifier of embeddings, fitted to examples."""

    weights: Precise  # (F,)
    bias: float

    def __call__(self, features: NDArray[np.floating]) -> Precise:
        """(N, F) -> (N,) logits; above 0 on the positive side."""
        logits: Precise = features.astype(np.float64) @ self.weights + self.bias
        return logits


class Taught(NamedTuple):
    """A taught direction, the classifier of the examples, and the direction's accuracy.

    `accuracy`: on examples that were left out of the fit.
    """

    vector: Vector
    classifier: Classifier
    accuracy: Accuracy


class Teacher:
    """Fits directions for one checkpoint, from the samples of its index.

    `latents` (N, D), `features` (N, F) and, of a conditional model, `labels` (N,).
    """

    def __init__(
        self, latents: Latents, features: Features, labels: NDArray[np.integer] | None = None
    ) -> None:
        self._features = features.astype(np.float32)
        self._mean = self._features.mean(0, dtype=np.float64)
        self._deviation = self._features.std(0, dtype=np.float64) + MIN_DEVIATION
        self._labels = labels
        precise = latents.astype(np.float64)
        self._centred = precise - precise.mean(0)
        products = self._centred.T @ self._centred  # (D, D)
        shrinkage = LATENT_SHRINKAGE * np.trace(products) / len(products)
        self._inverse = np.linalg.inv(products + shrinkage * np.eye(len(products)))

    def teach(self, examples: Examples, orthogonal_to: Sequence[Vector] = ()) -> Taught:
        """The direction from the negative examples to the positive ones, at least two of each.

        It is orthogonal to the given directions. Raises DirectionError.
        """
        classifier = self._classifier(examples.features, examples.positive)
        vector = self._vector(classifier, orthogonal_to)
        return Taught(vector, classifier, self._accuracy(examples, orthogonal_to))

    def _classifier(self, features: Features, positive: Sides) -> Classifier:
        """Logistic regression of standardised embeddings; both sides count equally."""
        standard = (features.astype(np.float64) - self._mean) / self._deviation
        weights, bias = _logistic_regression(standard, positive)
        weights = weights / self._deviation
        return Classifier(weights, bias - float(weights @ self._mean))

    def _vector(self, classifier: Classifier, orthogonal_to: Sequence[Vector]) -> Vector:
        """The direction of the linear regression of the samples' logits on their latents."""
        targets = classifier(self._features)
        targets -= targets.mean()
        if self._labels is not None:  # what a class contributes is no effect of the latent
            for label in np.unique(self._labels):
                targets[self._labels == label] -= targets[self._labels == label].mean()
        normal: Precise = self._inverse @ (self._centred.T @ targets)
        return orthogonalised(unit(normal), orthogonal_to)

    def _accuracy(self, examples: Examples, orthogonal_to: Sequence[Vector]) -> Accuracy:
        """The share of the examples that a direction fitted without them puts on their side."""
        folds = _folds(examples.positive)
        correct = 0
        for fold in range(folds.max() + 1):
            out = folds == fold
            sides = examples.positive[~out]
            classifier = self._classifier(examples.features[~out], sides)
            projections = examples.latents @ self._vector(classifier, orthogonal_to)
            kept = projections[~out]
            threshold = (kept[sides].mean() + kept[~sides].mean()) / 2
            correct += int(((projections[out] > threshold) == examples.positive[out]).sum())
        return Accuracy.of(correct, len(folds))


def _folds(positive: Sides) -> NDArray[np.int64]:
    """(E,): the fold of each example; every fold leaves examples on both sides."""
    folds = np.empty(len(positive), np.int64)
    count = min(FOLDS, int(positive.sum()), int((~positive).sum()))
    random = np.random.default_rng(0)
    for side in (positive, ~positive):
        folds[side] = random.permutation(np.arange(side.sum()) % count)
    return folds


def _logistic_regression(inputs: Precise, positive: Sides) -> tuple[Precise, float]:
    """(E, F) -> the weights (F,) and the bias, by Newton's method; an L2 penalty on the weights."""
    shares = np.where(positive, 0.5 / positive.sum(), 0.5 / (~positive).sum())
    columns = np.column_stack([inputs, np.ones(len(inputs))])
    penalty = np.full(columns.shape[1], PENALTY)
    penalty[-1] = BIAS_PENALTY
    solution = np.zeros(columns.shape[1])
    for _ in range(NEWTON_STEPS):
        probabilities = 1 / (1 + np.exp(-columns @ solution))
        gradient = columns.T @ (shares * (probabilities - positive)) + penalty * solution
        weighted = columns * (shares * probabilities * (1 - probabilities))[:, None]
        step = np.linalg.solve(weighted.T @ columns + np.diag(penalty), gradient)
        solution -= step
        if np.abs(step).max() < CONVERGED:
            break
    return solution[:-1], float(solution[-1])
