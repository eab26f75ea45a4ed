"""Colours in CIELAB, where the Euclidean distance of two colours approximates the perceived
difference.

CIE 1976 L*a*b* with the white point D65, from sRGB (IEC 61966-2-1). A distance of 2.3 is just
noticeable. Does not import torch.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.samples import Pixels

Colours = NDArray[np.float32]  # (…, 3): L from 0 to 100, a and b about -100 to 100

TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = TO_XYZ.sum(1)
EPSILON, KAPPA = 216 / 24389, 24389 / 27
MIDDLE = 0.75  # of each side: the part of an image whose colours count
CELLS = 3  # of the middle, along each side


def to_lab(colours: np.ndarray) -> Colours:
    """(…, 3) sRGB, 0 to 255 -> (…, 3) L*, a*, b*."""
    encoded = np.asarray(colours, np.float64) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    ratios = linear @ TO_XYZ.T / WHITE
    curved = np.where(ratios > EPSILON, np.cbrt(ratios), (KAPPA * ratios + 16) / 116)
    x, y, z = np.moveaxis(curved, -1, 0)
    lab: Colours = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1).astype(np.float32)
    return lab


def from_lab(colours: Colours) -> NDArray[np.uint8]:
    """(…, 3) L*, a*, b* -> (…, 3) sRGB; colours outside the sRGB gamut are clipped."""
    lightness, a, b = np.moveaxis(np.asarray(colours, np.float64), -1, 0)
    y = (lightness + 16) / 116
    curved = np.stack([y + a / 500, y, y - b / 200], -1)
    ratios = np.where(curved**3 > EPSILON, curved**3, (116 * curved - 16) / KAPPA)
    linear = np.clip(ratios * WHITE @ np.linalg.inv(TO_XYZ).T, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    rounded: NDArray[np.uint8] = np.round(255 * encoded).astype(np.uint8)
    return rounded


def cell_colours(images: Pixels) -> Colours:
    """The colours of the middle of each image: (N, H, W, C) uint8, C of 1, 3 or 4 -> (N, 9, 3) Lab.

    The central three quarters of both sides are divided into 3×3 cells; the colour of a cell is the
    median of each channel. Of an image with transparency, only the pixels that are more than half
    opaque count, unless a cell has none.
    """
    rows, columns = (_edges(side) for side in images.shape[1:3])
    cells = [
        _medians(images[:, top:bottom, left:right].reshape(len(images), -1, images.shape[3]))
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]
    return to_lab(np.stack(cells, 1))


def _edges(side: int) -> list[int]:
    """The borders of the cells along one side."""
    margin = side * (1 - MIDDLE) / 2
    return [round(margin + part * side * MIDDLE / CELLS) for part in range(CELLS + 1)]


def _medians(pixels: Pixels) -> NDArray[np.float64]:
    """(N, P, C) -> (N, 3)."""
    if pixels.shape[2] == 4:
        medians = np.stack([_opaque_median(part) for part in pixels])
    else:
        medians = np.median(pixels, axis=1)
    return np.broadcast_to(medians, (len(pixels), 3))


def _opaque_median(pixels: Pixels) -> NDArray[np.float64]:
    """(P, 4) -> (3,)."""
    opaque = pixels[pixels[:, 3] > 127]
    return np.asarray(np.median(opaque if len(opaque) else pixels, axis=0)[:3])
