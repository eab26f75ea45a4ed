"""Kernel distance (KID): the unbiased squared maximum mean discrepancy between two samples.

Bińkowski et al. 2018, arXiv 1801.01401, with their kernel (x·y / D + 1)³; Gretton et al. 2012 for
the estimator. All pairs are used; the usual mean over subsets estimates the same value.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.scoring.metrics.blocks import blocks


@dataclass(frozen=True)
class KernelSample:
    """Scaled features (N, D), weights (R, N), and the mean kernel within the sample, (R,)."""

    features: Tensor
    weights: Tensor
    within: Tensor

    @classmethod
    def of(cls, features: Tensor, weights: Tensor) -> "KernelSample":
        """Scale features (N, D) of unit length to √D, about the length of Inception's features.

        The kernel was chosen for that length. At unit length, x·y / D would stay below 1/D and the
        cube would be nearly constant.
        """
        scaled = features.double() * math.sqrt(features.shape[1])
        return cls(scaled, weights, _within(scaled, weights))


def kernel_distances(a: KernelSample, b: KernelSample) -> Tensor:
    """(R,) unbiased estimates; they may be below 0 when both samples have the same distribution."""
    between = torch.zeros(len(a.weights), dtype=torch.float64)
    for rows in blocks(len(a.features), len(b.features)):
        kernel = _kernel(a.features[rows], b.features)
        between += ((a.weights[:, rows] @ kernel) * b.weights).sum(1)
    return a.within + b.within - 2 * between / (len(a.features) * len(b.features))


def _within(features: Tensor, weights: Tensor) -> Tensor:
    """The mean kernel over pairs of different images, (R,).

    An image and its repetition in a resample do not count as a pair: like the diagonal, they would
    add a bias. A sample without any pair uses the kernel of an image with itself.
    """
    total = torch.zeros(len(weights), dtype=torch.float64)
    for rows in blocks(len(features), len(features)):
        kernel = _kernel(features[rows], features)
        kernel.diagonal(rows.start).zero_()
        total += ((weights[:, rows] @ kernel) * weights).sum(1)
    pairs = len(features) ** 2 - weights.square().sum(1)
    itself = (_diagonal(features) * weights).sum(1) / len(features)
    return torch.where(pairs > 0, total / pairs.clamp(min=1), itself)


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b.T).div_(a.shape[1]).add_(1).pow_(3)


def _diagonal(a: Tensor) -> Tensor:
    return (a.square().sum(1) / a.shape[1] + 1) ** 3
