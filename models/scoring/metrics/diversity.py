"""Structural diversity: how different the images of one set are, at several scales.

MS-SSIM (Wang et al. 2003) over random pairs, which Odena et al. 2016, arXiv 1610.09585, use to
detect a collapse; reported as 1 − MS-SSIM. It needs no trained network.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.scoring.metrics.blocks import blocks, planes

IMAGE_PAIRS = 500
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # finest scale first (Wang et al.)
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2  # for values in [0, 1]
MAX_COMPARED_SIDE = 128  # pixels; larger images are halved first


def diversity(images: np.ndarray, generator: torch.Generator) -> float:
    """From 0 (all alike) to 1 (nothing in common), of (N, H, W, C) uint8; 0 for a single image."""
    count = len(images)
    if count < 2:
        return 0.0
    first = torch.randint(count, (IMAGE_PAIRS,), generator=generator)
    second = (first + torch.randint(1, count, (IMAGE_PAIRS,), generator=generator)) % count
    similarity = 0.0
    for pairs in blocks(IMAGE_PAIRS, 2 * images[0].size):
        a, b = (planes(images[indices[pairs].numpy()]) for indices in (first, second))
        similarity += float(ms_ssim(a, b).sum())
    return min(1.0, max(0.0, 1 - similarity / IMAGE_PAIRS))


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """Two (P, C, H, W) in [0, 1] -> (P,) similarities from 0 to 1, the mean over the channels.

    Uses as many scales as the window fits into, at most five, with weights scaled to a sum of 1.
    """
    while max(a.shape[2:]) > MAX_COMPARED_SIDE:
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    weights = SCALE_WEIGHTS[: _scales(min(a.shape[2:]))]
    similarity = torch.ones(a.shape[:2])
    for scale, weight in enumerate(weights):
        luminance, structure = _ssim(a, b)
        last = scale == len(weights) - 1
        # clamp: a negative structure has no fractional power.
        value = (luminance * structure if last else structure).mean((2, 3)).clamp(min=0)
        similarity *= value ** (weight / sum(weights))
        a, b = F.avg_pool2d(a, 2, ceil_mode=True), F.avg_pool2d(b, 2, ceil_mode=True)
    return similarity.mean(1)


def _scales(side: int) -> int:
    scales = 1
    while scales < len(SCALE_WEIGHTS) and (side := side // 2) >= WINDOW:
        scales += 1
    return scales


def _ssim(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance, and contrast times structure, at each position of the window."""
    rows, columns = _blur(a.shape[2]), _blur(a.shape[3])
    stacked = torch.stack([a, b, a * a, b * b, a * b])
    mean_a, mean_b, aa, bb, ab = (rows @ stacked @ columns.T).unbind()
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    covariance = ab - mean_a * mean_b
    variances = aa - mean_a**2 + bb - mean_b**2
    return luminance, (2 * covariance + C2) / (variances + C2)


def _blur(side: int) -> Tensor:
    """The Gaussian window as a matrix (positions, side), whose product beats a convolution."""
    window = min(WINDOW, side)
    offsets = torch.arange(window) - (window - 1) / 2
    weights = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    weights /= weights.sum()
    matrix = torch.zeros(side - window + 1, side)
    for position in range(len(matrix)):
        matrix[position, position : position + window] = weights
    return matrix
