"""Colours in CIELAB, where the Euclidean distance of two colours is about what an eye sees.

CIE 1976 L*a*b* with the white point D65, from sRGB (IEC 61966-2-1). A distance of 2.3 is just
noticeable. Does not import torch.
"""

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
CENTRE = 0.5  # of each side: the part of an image in which its subject's colour is measured


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
    """(…, 3) L*, a*, b* -> (…, 3) sRGB; a colour that sRGB lacks becomes one at its border."""
    lightness, a, b = np.moveaxis(np.asarray(colours, np.float64), -1, 0)
    y = (lightness + 16) / 116
    curved = np.stack([y + a / 500, y, y - b / 200], -1)
    ratios = np.where(curved**3 > EPSILON, curved**3, (116 * curved - 16) / KAPPA)
    linear = np.clip(ratios * WHITE @ np.linalg.inv(TO_XYZ).T, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    rounded: NDArray[np.uint8] = np.round(255 * encoded).astype(np.uint8)
    return rounded


def median_colours(images: Pixels) -> Colours:
    """The colour of the subject of each image: (N, H, W, C) uint8, C of 1, 3 or 4 -> (N, 3) Lab.

    It is the median of each channel over the central half of both sides. Of an image with
    transparency, only the pixels that are more than half opaque count, unless there are none.
    """
    height, width, channels = images.shape[1:]
    top, left = round(height * (1 - CENTRE) / 2), round(width * (1 - CENTRE) / 2)
    centres = images[:, top : max(top + 1, height - top), left : max(left + 1, width - left)]
    pixels = centres.reshape(len(images), -1, channels)
    if channels == 4:
        medians = np.stack([_opaque_median(part) for part in pixels])
    else:
        medians = np.median(pixels, axis=1)
    return to_lab(np.broadcast_to(medians, (len(images), 3)))


def _opaque_median(pixels: np.ndarray) -> NDArray[np.float64]:
    """(P, 4) -> (3,)."""
    opaque = pixels[pixels[:, 3] > 127]
    return np.asarray(np.median(opaque if len(opaque) else pixels, axis=0)[:3])
