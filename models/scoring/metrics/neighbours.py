"""Precision, recall, density and coverage: how two clouds of features overlap.

Kynkäänniemi et al. 2019, arXiv 1904.06991 (k = 3), and Naeem et al. 2020, arXiv 2002.09797 (k = 5).
Around each picture lies a ball that reaches to its k-th nearest neighbour of the same cloud.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.scoring.metrics.distances import squared, to_neighbour

PRECISION_K = 3
COVERAGE_K = 5


@dataclass(frozen=True)
class Overlap:
    precision: float  # share of generated pictures in the ball of a real one
    recall: float  # share of real pictures in the ball of a generated one
    density: float  # how many real balls a generated picture lies in, of k that are to be expected
    coverage: float  # share of real pictures with a generated one in their ball


@dataclass(frozen=True)
class Neighbourhoods:
    """Real features (N, D) and the radii (N,) of their balls for either k."""

    features: Tensor
    precision_radii: Tensor
    coverage_radii: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Neighbourhoods":
        x = features.float()
        return cls(x, to_neighbour(x, PRECISION_K), to_neighbour(x, COVERAGE_K))

    def overlap(self, generated: Tensor) -> Overlap:
        """With the features (M, D) of generated pictures."""
        generated = generated.float()
        generated_balls = to_neighbour(generated, PRECISION_K).square()
        precision_balls = self.precision_radii.square()[:, None]
        coverage_balls = self.coverage_radii.square()[:, None]
        precise = torch.zeros(len(generated), dtype=torch.bool)
        recalled = covered = inside = 0
        for rows, distances in squared(self.features, generated):
            precise |= (distances <= precision_balls[rows]).any(0)
            recalled += int((distances <= generated_balls).any(1).sum())
            close = distances <= coverage_balls[rows]
            covered += int(close.any(1).sum())
            inside += int(close.sum())
        # Fewer pictures than k have fewer neighbours to be expected.
        k = max(1, min(COVERAGE_K, len(self.features) - 1))
        return Overlap(
            precision=float(precise.double().mean()),
            recall=recalled / len(self.features),
            density=inside / (k * len(generated)),
            coverage=covered / len(self.features),
        )
