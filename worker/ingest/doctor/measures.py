"""Measures of the pixels of each image: sharpness, variation, bars at its edges, a thumbnail."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.samples import flatten_alpha
from worker.ingest.decoding.levels import Pixels
from worker.ingest.doctor.letterboxes import bar_shares
from worker.ingest.doctor.mirroring import averaging_matrix

THUMBNAIL_SIDE = 32
COLOUR_STEP = 4  # colours are read from every fourth row and column

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Measures:
    """Measures of N images, laid on white."""

    sharpness: Floats  # (N,) about 0.75 for natural pictures of any resolution, less when blurred
    variation: Floats  # (N,) levels of 255: the standard deviation of the pixels
    bars: Floats  # (N,) share of the image that uniform bars at opposite edges take
    thumbnails: Pixels  # (N, 32, 32) grey


class Measurer:
    """Measures images of one shape, a batch at a time."""

    def __init__(self, height: int, width: int) -> None:
        self._down = averaging_matrix(height, THUMBNAIL_SIDE).astype(np.float32)
        self._across = averaging_matrix(width, THUMBNAIL_SIDE).astype(np.float32).T

    def __call__(self, images: Pixels) -> Measures:
        """(N, H, W, C) uint8."""
        opaque = on_white(images)
        grey = brightness(opaque)
        thumbnails = self._down @ grey @ self._across
        return Measures(
            sharpness(grey),
            np.maximum(grey.std((1, 2)), _colour_variation(opaque)),
            bar_shares(opaque),
            thumbnails.round().astype(np.uint8),
        )


def on_white(images: Pixels) -> Pixels:
    """(N, H, W, C) -> (N, H, W, 1 or 3). Rounds down, as when the doctor's limits were measured."""
    return flatten_alpha(images, 255, rounding=0)


def brightness(images: Pixels) -> Floats:
    """(N, H, W, 1 or 3) -> (N, H, W), 0 to 255: the mean of the channels."""
    if images.shape[3] == 1:
        return images[..., 0].astype(np.float32)
    red, green, blue = (images[..., channel] for channel in range(3))
    total = np.add(red, green, dtype=np.uint16)
    total += blue
    grey: Floats = total.astype(np.float32)
    grey /= 3
    return grey


def sharpness(grey: Floats) -> Floats:
    """(N, H, W) -> (N,): the contrast of neighbouring pixels, relative to that at half the size.

    It is the root mean square difference of neighbouring pixels, divided by that of the image at
    half the size. In natural pictures it depends neither on contrast nor on resolution, because
    they look alike at every scale (Field 1987: amplitude falls as 1/frequency). Blur removes the
    finest differences first.
    """
    height, width = (side // 2 * 2 for side in grey.shape[1:])
    even = grey[:, :height, :width]
    half = even[:, ::2] + even[:, 1::2]
    half = half[:, :, ::2] + half[:, :, 1::2]
    half /= 4
    fine, coarse = _mean_square_steps(even), _mean_square_steps(half)
    ratio: Floats = np.sqrt(fine / np.maximum(coarse, 1e-6))
    return ratio


def _mean_square_steps(grey: Floats) -> Floats:
    """(N, H, W) -> (N,): the mean square difference of neighbouring pixels, in both directions."""
    down, across = grey[:, 1:] - grey[:, :-1], grey[:, :, 1:] - grey[:, :, :-1]
    steps: Floats = np.einsum("nhw,nhw->n", down, down) / down[0].size
    steps += np.einsum("nhw,nhw->n", across, across) / across[0].size
    return steps


def _colour_variation(images: Pixels) -> Floats:
    """(N, H, W, 1 or 3) -> (N,): the variation of colour at equal brightness."""
    if images.shape[3] == 1:
        return np.zeros(len(images), np.float32)
    sampled = images[:, ::COLOUR_STEP, ::COLOUR_STEP].astype(np.float32)
    differences = sampled[..., :2] - sampled[..., 2:]
    spread: Floats = differences.std((1, 2)).max(1) / 2
    return spread
