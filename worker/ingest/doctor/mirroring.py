"""Whether a mirrored picture is as good as the picture, measured on the dataset itself.

Orientation is meaningful if a linear classifier distinguishes pictures from their mirror images:
it is right for 95 % or more of digits, and for at most 60 % of cats and CIFAR-10, where chance is
50 %. The difference d of a thumbnail and its mirror image changes its sign when the picture is
mirrored, so the sign of w·d is the classifier. w is a ridge regression of 1 on d, tested on
pictures that it was not fitted to.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.ingest.decoding.levels import Pixels
from worker.ingest.images_file import HEADER_BYTES

THRESHOLD = 0.75  # accuracy; CIFAR-10 reaches it by chance with 50 pictures, never with 100
MIN_MIRROR_IMAGES = 50  # fewer decide nothing
MAX_MIRROR_IMAGES = 4000
SIDE = 16  # pixels of a thumbnail
RIDGE = 0.1  # in units of the mean variance of d
FOLDS = 5

Floats = NDArray[np.float64]


def is_mirrorable(images: Path, shape: tuple[int, int, int, int]) -> bool:
    """Decide for a packed images.npy of this shape; True where it has fewer than 50 images."""
    if shape[0] < MIN_MIRROR_IMAGES:
        return True
    return mirror_accuracy(thumbnails(images, shape)) < THRESHOLD


def mirror_accuracy(grey: Floats) -> float:
    """The share of (N, 16, 16) thumbnails that the classifier tells from their mirror images."""
    half = (grey - grey[:, :, ::-1])[:, :, : SIDE // 2]  # the other half is its negative
    differences = half.reshape(len(half), -1)
    folds = np.random.default_rng(0).permutation(len(half)) % FOLDS
    correct = 0.0
    for fold in range(FOLDS):
        fitted, tested = differences[folds != fold], differences[folds == fold]
        squares = fitted.T @ fitted
        ridge = RIDGE * np.trace(squares) / len(squares) + np.finfo(float).tiny
        weights = np.linalg.solve(squares + ridge * np.eye(len(squares)), fitted.sum(0))
        correct += (np.sign(tested @ weights) + 1).sum() / 2
    return float(correct / len(half))


def thumbnails(images: Path, shape: tuple[int, int, int, int]) -> Floats:
    """(n, 16, 16) grey, of up to 4,000 images, evenly spaced."""
    count, height, width, channels = shape
    chosen = np.linspace(0, count - 1, min(count, MAX_MIRROR_IMAGES)).round().astype(int)
    down, across = averaging_matrix(height, SIDE), averaging_matrix(width, SIDE).T
    grey = np.empty((len(chosen), SIDE, SIDE))
    size = height * width * channels
    with images.open("rb") as file:
        for row, index in enumerate(chosen):
            file.seek(HEADER_BYTES + int(index) * size)
            pixels = np.frombuffer(file.read(size), np.uint8).reshape(height, width, channels)
            grey[row] = down @ _grey(pixels) @ across
    return grey


def _grey(pixels: Pixels) -> Floats:
    """(H, W, C) -> (H, W), on white."""
    grey: Floats = pixels[..., :3].mean(2)
    if pixels.shape[2] == 4:
        grey = (grey - 255) * (pixels[..., 3] / 255) + 255
    return grey


def averaging_matrix(side: int, parts: int) -> Floats:
    """(parts, side): each row averages one part of the pixels, which may end within a pixel."""
    edges = np.arange(parts + 1) * side / parts
    starts = np.arange(side)
    covered = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    shares: Floats = np.maximum(covered, 0) * parts / side
    return shares
