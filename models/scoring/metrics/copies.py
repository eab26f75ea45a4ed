"""Copy rate: the share of generated pictures nearer to a training picture than real ones are."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.scoring.metrics.distances import squared, to_nearest
from models.scoring.nearest import copy_distance


@dataclass(frozen=True)
class KnownPictures:
    """Features (N, D) of training pictures, and the distance below which a picture is a copy."""

    features: Tensor
    threshold: float

    @classmethod
    def of(cls, features: Tensor, probes: int) -> "KnownPictures":
        """The threshold is measured on the first `probes` of them, at least one."""
        x = features.float()
        nearest = []
        for rows, distances in squared(x[:probes], x):
            distances.diagonal(rows.start).fill_(torch.inf)
            nearest.append(distances.amin(1))
        others = torch.cat(nearest).clamp(min=0).sqrt()
        # A single picture has no other: only what is the same picture is then its copy.
        return cls(x, copy_distance(others.nan_to_num(posinf=0).numpy()))

    def copy_rate(self, generated: Tensor) -> float:
        """Share 0 … 1 of generated features (M, D)."""
        copied = to_nearest(generated.float(), self.features) <= self.threshold
        return float(copied.double().mean())
