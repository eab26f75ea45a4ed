"""Euclidean distances between many features, a block of rows at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor

from models.scoring.metrics.blocks import blocks
from models.scoring.nearest import SAME_PICTURE


def squared(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """(N, D), (M, D) float32 -> rows of a and their squared distances (rows, M) to all of b.

    Rounding leaves about 1e-6, so that no distance is known to be below 1e-3.
    """
    squares = b.square().sum(1)
    for rows in blocks(len(a), len(b)):
        part = a[rows]
        found = torch.addmm(squares, part, b.T, alpha=-2)
        yield rows, found.add_(part.square().sum(1)[:, None])


def to_nearest(a: Tensor, b: Tensor) -> Tensor:
    """(N,) distances of each of a to the nearest of b."""
    nearest = torch.full((len(a),), torch.inf)
    for _, distances in squared(b, a):
        nearest = torch.minimum(nearest, distances.amin(0))
    return nearest.clamp(min=0).sqrt()


def to_neighbour(features: Tensor, k: int) -> Tensor:
    """(N,) distances of each to the k-th nearest other, or the farthest where there are fewer.

    At least SAME_PICTURE: around a picture whose neighbours are its copies lies a ball too.
    """
    k = min(k, len(features) - 1)
    if k == 0:
        return torch.full((len(features),), SAME_PICTURE)
    found = []
    for rows, distances in squared(features, features):
        distances.diagonal(rows.start).fill_(torch.inf)
        found.append(distances.topk(k, largest=False).values[:, -1])
    return torch.cat(found).clamp(min=SAME_PICTURE**2).sqrt()
