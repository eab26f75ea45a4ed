"""How alike two small pictures are when one may be a crop of the other, or its mirror image."""

import functools

import numpy as np
from numpy.typing import NDArray

from worker.ingest.decoding.levels import Pixels

SCALES = (1.0, 0.97, 0.94)  # of a crop's side to that of the whole
LEAST_SPREAD = 1.0  # levels: with less there is nothing to compare

Floats = NDArray[np.float32]


def correlations(one: Pixels, other: Pixels, mirrorable: bool) -> Floats:
    """(n, S, S) twice -> (n,) as they are, whatever their brightness and contrast; -1 to 1."""
    return _best(standard(one), _targets(other, mirrorable))


def aligned_correlations(one: Pixels, other: Pixels, mirrorable: bool) -> Floats:
    """The best over crops of either, at nine places each, beside the other."""
    best = np.full(len(one), -1, np.float32)
    for cropped, whole in ((other, one), (one, other)):
        targets, source = _targets(cropped, mirrorable), whole.astype(np.float32)
        for crops in _crops(one.shape[1]):
            rows = crops @ source[:, None]  # (n, places, S, S)
            for columns in crops:
                for place in range(len(crops)):
                    found = standard(rows[:, place] @ columns.T)
                    best = np.maximum(best, _best(found, targets))
    return best


def standard(pictures: NDArray[np.generic]) -> Floats:
    """(n, S, S) of mean zero and unit length; zeros where all is plain."""
    centred = pictures.astype(np.float32)
    centred -= centred.mean((1, 2), keepdims=True)
    length = np.sqrt(np.einsum("nhw,nhw->n", centred, centred))[:, None, None]
    least = LEAST_SPREAD * pictures.shape[1]
    scaled: Floats = np.where(length < least, 0, centred / np.maximum(length, least))
    return scaled


def _targets(pictures: Pixels, mirrorable: bool) -> list[Floats]:
    target = standard(pictures)
    return [target, target[:, :, ::-1]] if mirrorable else [target]


def _best(found: Floats, targets: list[Floats]) -> Floats:
    best: Floats = np.max([np.einsum("nhw,nhw->n", found, target) for target in targets], axis=0)
    return best


@functools.cache
def _crops(side: int) -> list[Floats]:
    """For each scale (places, S, S): resamples rows from a part of the picture, linearly."""
    steps = np.arange(side)
    crops = []
    for scale in SCALES:
        slack = side * (1 - scale)
        matrices = []
        for offset in (0, slack / 2, slack) if slack else (0,):
            source = np.clip(offset + (steps + 0.5) * scale - 0.5, 0, side - 1)
            left = np.minimum(source.astype(int), side - 2)
            matrix = np.zeros((side, side), np.float32)
            matrix[steps, left] = 1 - (source - left)
            matrix[steps, left + 1] = source - left
            matrices.append(matrix)
        crops.append(np.stack(matrices))
    return crops
