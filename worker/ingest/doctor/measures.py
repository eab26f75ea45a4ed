"""What the pixels alone say of each picture: how sharp, how varied, which bars at its edges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.ingest.decoding.levels import Pixels
from worker.ingest.doctor.letterboxes import bar_shares
from worker.ingest.doctor.mirroring import averages

THUMBNAIL = 32
SPARSE = 4  # pixels: of every fourth row and column the colours are looked at

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Measures:
    """Of N pictures; what is transparent counts as white."""

    sharpness: Floats  # (N,) about 1 for natural pictures of any resolution, less when blurred
    variation: Floats  # (N,) levels of 255: the standard deviation of the pixels
    bars: Floats  # (N,) share of the picture that uniform bars at opposite edges take
    thumbnails: Pixels  # (N, 32, 32) grey


class Ruler:
    """Measures pictures of one shape, a batch at a time."""

    def __init__(self, height: int, width: int) -> None:
        self._down = averages(height, THUMBNAIL).astype(np.float32)
        self._across = averages(width, THUMBNAIL).astype(np.float32).T

    def __call__(self, pictures: Pixels) -> Measures:
        """Of (N, H, W, C)."""
        shown = on_white(pictures)
        grey = brightness(shown)
        thumbnails = self._down @ grey @ self._across
        return Measures(
            sharpness(grey),
            np.maximum(grey.std((1, 2)), _colour(shown)),
            bar_shares(shown),
            thumbnails.round().astype(np.uint8),
        )


def on_white(pictures: Pixels) -> Pixels:
    """(N, H, W, 1 or 3), opaque."""
    if pictures.shape[3] != 4:
        return pictures
    opacity = pictures[..., 3:].astype(np.uint16)
    return ((pictures[..., :3] * opacity + 255 * (255 - opacity)) // 255).astype(np.uint8)


def brightness(shown: Pixels) -> Floats:
    """(N, H, W, 1 or 3) -> (N, H, W), 0 to 255: the mean of the channels."""
    if shown.shape[3] == 1:
        return shown[..., 0].astype(np.float32)
    red, green, blue = (shown[..., channel] for channel in range(3))
    total = np.add(red, green, dtype=np.uint16)
    total += blue
    grey: Floats = total.astype(np.float32)
    grey /= 3
    return grey


def sharpness(grey: Floats) -> Floats:
    """(N, H, W) -> (N,): how steep the finest steps are beside those of twice the distance.

    The ratio of the root mean square difference of neighbours to that in the picture halved. In
    natural pictures it depends neither on contrast nor on resolution, for they look alike at every
    scale (Field 1987: amplitude falls as 1/frequency); blur takes the finest steps first.
    """
    height, width = (side // 2 * 2 for side in grey.shape[1:])
    even = grey[:, :height, :width]
    half = even[:, ::2] + even[:, 1::2]
    half = half[:, :, ::2] + half[:, :, 1::2]
    half /= 4
    fine, coarse = _steps(even), _steps(half)
    ratio: Floats = np.sqrt(fine / np.maximum(coarse, 1e-6))
    return ratio


def _steps(grey: Floats) -> Floats:
    """(N, H, W) -> (N,): the mean square difference of neighbours, both ways."""
    down, across = grey[:, 1:] - grey[:, :-1], grey[:, :, 1:] - grey[:, :, :-1]
    steps: Floats = np.einsum("nhw,nhw->n", down, down) / down[0].size
    steps += np.einsum("nhw,nhw->n", across, across) / across[0].size
    return steps


def _colour(shown: Pixels) -> Floats:
    """(N,): how much the pixels differ in colour, where their brightness may not."""
    if shown.shape[3] == 1:
        return np.zeros(len(shown), np.float32)
    some = shown[:, ::SPARSE, ::SPARSE].astype(np.float32)
    differences = some[..., :2] - some[..., 2:]
    spread: Floats = differences.std((1, 2)).max(1) / 2
    return spread
