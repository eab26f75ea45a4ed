"""Metrics by nearest neighbours in feature space: precision, recall, density, coverage, copy rate.

Precision and recall: Kynkäänniemi et al. 2019, arXiv 1904.06991 (k = 3). Density and coverage:
Naeem et al. 2020, arXiv 2002.09797 (k = 5). Each image has a ball around it that reaches to its
k-th nearest neighbour in the same set.

The distances here are between a few thousand float32 features, and most metrics need all of them.
The index of models.scoring.nearest finds only the nearest of any number of stored float16 features.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from models.scoring.metrics.blocks import blocks
from models.scoring.nearest import SAME_IMAGE_DISTANCE, copy_distance

PRECISION_K = 3
COVERAGE_K = 5


@dataclass(frozen=True)
class Overlap:
    """How the generated features overlap with the real ones."""

    precision: float  # share of generated images in the ball of a real one
    recall: float  # share of real images in the ball of a generated one
    density: float  # number of real balls that a generated image is in, divided by k
    coverage: float  # share of real images with a generated one in their ball


@dataclass(frozen=True)
class Neighbourhoods:
    """Real features (N, D) and the radii (N,) of their balls for each k."""

    features: Tensor
    precision_radii: Tensor
    coverage_radii: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Neighbourhoods":
        x = features.float()
        return cls(x, neighbour_distances(x, PRECISION_K), neighbour_distances(x, COVERAGE_K))

    def overlap(self, generated: Tensor) -> Overlap:
        """Compare with the features (M, D) of generated images."""
        generated = generated.float()
        generated_balls = neighbour_distances(generated, PRECISION_K).square()
        precision_balls = self.precision_radii.square()[:, None]
        coverage_balls = self.coverage_radii.square()[:, None]
        precise = torch.zeros(len(generated), dtype=torch.bool)
        recalled = covered = inside = 0
        for rows, distances in squared_distances(self.features, generated):
            precise |= (distances <= precision_balls[rows]).any(0)
            recalled += int((distances <= generated_balls).any(1).sum())
            close = distances <= coverage_balls[rows]
            covered += int(close.any(1).sum())
            inside += int(close.sum())
        # With fewer images than k, each image has fewer than k neighbours.
        k = max(1, min(COVERAGE_K, len(self.features) - 1))
        return Overlap(
            precision=float(precise.double().mean()),
            recall=recalled / len(self.features),
            density=inside / (k * len(generated)),
            coverage=covered / len(self.features),
        )


@dataclass(frozen=True)
class KnownImages:
    """Features (N, D) of training images, and the distance within which an image is a copy."""

    features: Tensor
    threshold: float

    @classmethod
    def of(cls, features: Tensor, probes: int) -> "KnownImages":
        """Measure the threshold on the first `probes` features, at least 1."""
        x = features.float()
        nearest = []
        for rows, distances in squared_distances(x[:probes], x):
            distances.diagonal(rows.start).fill_(torch.inf)
            nearest.append(distances.amin(1))
        to_nearest_other = torch.cat(nearest).clamp(min=0).sqrt()
        # A single image has no other: then only the same image is its copy.
        return cls(x, copy_distance(to_nearest_other.nan_to_num(posinf=0).numpy()))

    def copy_rate(self, generated: Tensor) -> float:
        """The share, 0 to 1, of the generated features (M, D) that are copies."""
        is_copy = nearest_distances(generated.float(), self.features) <= self.threshold
        return float(is_copy.double().mean())


def squared_distances(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Compare (N, D) with (M, D), float32: yield rows of a and their squared distances to all of b.

    Rounding leaves an error of about 1e-6: a distance below 1e-3 is not known.
    """
    squares = b.square().sum(1)
    for rows in blocks(len(a), len(b)):
        part = a[rows]
        products = torch.addmm(squares, part, b.T, alpha=-2)
        yield rows, products.add_(part.square().sum(1)[:, None])


def nearest_distances(a: Tensor, b: Tensor) -> Tensor:
    """(N,) Euclidean distances of each row of a to the nearest row of b."""
    nearest = torch.full((len(a),), torch.inf)
    for _, distances in squared_distances(b, a):
        nearest = torch.minimum(nearest, distances.amin(0))
    return nearest.clamp(min=0).sqrt()


def neighbour_distances(features: Tensor, k: int) -> Tensor:
    """(N,) distances of each row to its k-th nearest other row, or to the farthest of fewer.

    At least SAME_IMAGE_DISTANCE, so that an image whose neighbours are its copies has a ball too.
    """
    k = min(k, len(features) - 1)
    if k == 0:
        return torch.full((len(features),), SAME_IMAGE_DISTANCE)
    radii = []
    for rows, distances in squared_distances(features, features):
        distances.diagonal(rows.start).fill_(torch.inf)
        radii.append(distances.topk(k, largest=False).values[:, -1])
    return torch.cat(radii).clamp(min=SAME_IMAGE_DISTANCE**2).sqrt()
