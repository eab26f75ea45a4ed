"""Fréchet distance between two samples of features, each modelled as a normal distribution.

Heusel et al. 2017, arXiv 1706.08500, equation 6. Finite samples of n and m images bias it
upwards, by about c · (1/n + 1/m) (Chong and Forsyth 2020, arXiv 1911.07023): compare only values
of equal counts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from models.scoring.metrics.blocks import blocks


@dataclass(frozen=True)
class Moments:
    """Means (R, D) and covariances (R, D, D) of a sample and its resamples, float64."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, features: Tensor, weights: Tensor) -> "Moments":
        """Features (N, D), and weights (R, N): how often each image counts; a row sums to N."""
        x = features.double()
        x = x - (centre := x.mean(0))
        means = weights @ x / len(x)
        products = torch.zeros(len(weights), x.shape[1] ** 2, dtype=torch.float64)
        for rows in blocks(len(x), x.shape[1] ** 2):
            outer = x[rows, :, None] * x[rows, None, :]
            products.addmm_(weights[:, rows], outer.flatten(1))
        covariances = products.view(len(weights), x.shape[1], -1)
        covariances -= len(x) * means[:, :, None] * means[:, None, :]
        return cls(means + centre, covariances / max(1, len(x) - 1))


@dataclass(frozen=True)
class FrechetReference:
    """The real side, prepared once: its moments and the square roots of its covariances."""

    moments: Moments
    roots: Tensor

    @classmethod
    def of(cls, features: Tensor, weights: Tensor) -> "FrechetReference":
        moments = Moments.of(features, weights)
        with one_thread():
            eigenvalues, vectors = torch.linalg.eigh(moments.covariance)
        scaled = vectors * eigenvalues.clamp(min=0).sqrt()[:, None, :]
        return cls(moments, scaled @ vectors.mT)


def frechet_distances(reference: FrechetReference, other: Moments) -> Tensor:
    """(R,) squared distances |m₁ − m₂|² + tr(C₁ + C₂ − 2 (C₁^½ C₂ C₁^½)^½), none below 0.

    C₁^½ C₂ C₁^½ is symmetric and has the eigenvalues of C₁C₂. A general matrix root, whose
    imaginary parts would have to be dropped, is not needed.
    """
    moments = reference.moments
    product = reference.roots @ other.covariance @ reference.roots
    with one_thread():
        eigenvalues = torch.linalg.eigvalsh((product + product.mT) / 2)
    root_trace: Tensor = eigenvalues.clamp(min=0).sqrt().sum(-1)
    mean_term = (moments.mean - other.mean).square().sum(-1)
    traces = mean_term + _trace(moments.covariance) + _trace(other.covariance)
    return (traces - 2 * root_trace).clamp_(min=0)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run on one thread: for matrices this small, several threads do up to fifty times the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _trace(matrices: Tensor) -> Tensor:
    """(R, D, D) -> (R,)"""
    return matrices.diagonal(dim1=-2, dim2=-1).sum(-1)
