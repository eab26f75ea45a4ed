"""The bootstrap: how far a score moves when the pictures are drawn again (Efron 1979)."""

import torch
from torch import Tensor

REPLICATES = 100  # enough for a standard error (Efron and Tibshirani 1993, 6.4)
NORMAL_95 = 1.96


def resampled(pictures: int, generator: torch.Generator) -> Tensor:
    """Weights (1 + REPLICATES, pictures), float64.

    The first row is the sample itself, all ones; each other row counts how often a picture comes
    up in as many draws with replacement.
    """
    drawn = torch.randint(pictures, (REPLICATES, pictures), generator=generator)
    weights = torch.zeros(REPLICATES, pictures, dtype=torch.float64)
    weights.scatter_add_(1, drawn, torch.ones_like(weights))
    return torch.cat([torch.ones(1, pictures, dtype=torch.float64), weights])


def interval(values: Tensor) -> list[float]:
    """(1 + REPLICATES,) values, the sample's own first -> its 95 % interval.

    By the replicates' standard deviation around the sample's own value: percentiles would shift a
    Fréchet distance by its bias a second time, since a resample holds fewer different pictures.
    """
    value, spread = float(values[0]), NORMAL_95 * float(values[1:].std())
    return [value - spread, value + spread]
