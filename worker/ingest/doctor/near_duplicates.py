"""Near-duplicates: the same picture cropped, compressed, mirrored or made brighter.

A pair whose embeddings are close is a candidate, and the correlation of its thumbnails decides: the
embeddings of two black cats may be as close as those of a picture and its copy, but their
thumbnails differ. Where many pictures are much alike, such as the digit 1, a copy must also be far
closer than the twentieth neighbour.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.ingest.decoding.levels import Pixels
from worker.ingest.doctor.close_pairs import Features, Indices, close_pairs, distances_between
from worker.ingest.doctor.outliers import LocalDistances

MAX_DISTANCE = 0.5  # of the embeddings
MAX_LOCAL_DISTANCE = 0.5  # of the distance of the twentieth neighbour
MIN_CORRELATION = 0.94  # of the thumbnails, at the best alignment
# Images whose thumbnails correlate this well without a crop are copies in any dataset.
SAME_CORRELATION = 0.99
WORTH_ALIGNING = 0.6  # a lower correlation never reaches MIN_CORRELATION by a crop of a few percent
PAIRS_AT_ONCE = 512

SCALES = (1.0, 0.97, 0.94)  # of a crop's side to that of the whole
MIN_SPREAD = 1.0  # levels of 255; thumbnails with less are plain and correlate with nothing

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class NearDuplicates:
    """For each of N images the index of the earlier one that it repeats, or its own index."""

    originals: Indices
    distances: Floats  # between the embeddings of an image and its original

    @property
    def repeats(self) -> Mask:
        """(N,): whether an image repeats an earlier one."""
        repeats: Mask = self.originals != np.arange(len(self.originals))
        return repeats


def find_near_duplicates(
    features: Features, thumbnails: Pixels, mirrorable: bool, tick: Callable[[int], None]
) -> NearDuplicates:
    """Compare N images by their (N, F) unit vectors and (N, S, S) thumbnails.

    With `mirrorable`, a mirrored copy counts as a copy. An original is never a repeat itself, and
    every repeat was compared with its original. If each frame of a slow film is like the next one,
    the frames that differ from all earlier originals are originals too.
    """
    pairs = close_pairs(features, MAX_DISTANCE, tick)
    is_copy = _CopyTest(features, thumbnails, mirrorable)
    copies = np.zeros(len(pairs.later), bool)
    for start in range(0, len(copies), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        copies[part] = is_copy(pairs.later[part], pairs.earlier[part], pairs.distances[part])
        tick(0)
    originals = np.arange(len(features))
    distances = np.zeros(len(features), np.float32)
    for pair in np.flatnonzero(copies).tolist():
        index, candidate = pairs.later[pair : pair + 1], pairs.earlier[pair : pair + 1]
        original = originals[candidate]
        if originals[index] != index:
            continue
        distance = distances_between(features, index, original)
        if original == candidate or is_copy(index, original, distance):
            originals[index], distances[index] = original, distance
        tick(0)
    return NearDuplicates(originals, distances)


class _CopyTest:
    """Decides which pairs of images show the same picture."""

    def __init__(self, features: Features, thumbnails: Pixels, mirrorable: bool) -> None:
        self._local_distances = LocalDistances(features)
        self._thumbnails = thumbnails
        self._mirrorable = mirrorable

    def __call__(self, first: Indices, second: Indices, distances: Floats) -> Mask:
        """(n,) indices, (n,) indices and the distances of their embeddings -> (n,)."""
        left, right = self._thumbnails[first], self._thumbnails[second]
        plain = correlations(left, right, self._mirrorable)
        is_copy = plain >= SAME_CORRELATION
        undecided = np.flatnonzero(
            (plain >= WORTH_ALIGNING) & ~is_copy & (distances < MAX_DISTANCE)
        )
        local = self._local_distances(first[undecided])
        undecided = undecided[distances[undecided] < MAX_LOCAL_DISTANCE * local]
        is_copy[undecided] = plain[undecided] >= MIN_CORRELATION
        undecided = undecided[~is_copy[undecided]]
        aligned = aligned_correlations(left[undecided], right[undecided], self._mirrorable)
        is_copy[undecided] = aligned >= MIN_CORRELATION
        return is_copy & (distances < MAX_DISTANCE)


def correlations(left: Pixels, right: Pixels, mirrorable: bool) -> Floats:
    """(n, S, S) and (n, S, S) -> (n,), -1 to 1: the correlation of each pair without a crop.

    It does not depend on brightness or contrast. With `mirrorable`, the mirror image of the picture
    is compared too, and the higher correlation is returned.
    """
    return _highest(standardized(left), _targets(right, mirrorable))


def aligned_correlations(left: Pixels, right: Pixels, mirrorable: bool) -> Floats:
    """(n, S, S) and (n, S, S) -> (n,): the highest correlation over crops of either picture.

    A crop is taken at nine positions for each of the SCALES below 1.
    """
    best = np.full(len(left), -1, np.float32)
    for target, whole in ((right, left), (left, right)):
        targets, source = _targets(target, mirrorable), whole.astype(np.float32)
        for crops in _crops(left.shape[1]):
            rows = crops @ source[:, None]  # (n, positions, S, S)
            for columns in crops:
                for position in range(len(crops)):
                    cropped = standardized(rows[:, position] @ columns.T)
                    best = np.maximum(best, _highest(cropped, targets))
    return best


def standardized(images: NDArray[np.generic]) -> Floats:
    """(n, S, S) of mean zero and unit length; a plain image is all zeros."""
    centred = images.astype(np.float32)
    centred -= centred.mean((1, 2), keepdims=True)
    length = np.sqrt(np.einsum("nhw,nhw->n", centred, centred))[:, None, None]
    least = MIN_SPREAD * images.shape[1]
    scaled: Floats = np.where(length < least, 0, centred / np.maximum(length, least))
    return scaled


def _targets(images: Pixels, mirrorable: bool) -> list[Floats]:
    target = standardized(images)
    return [target, target[:, :, ::-1]] if mirrorable else [target]


def _highest(images: Floats, targets: list[Floats]) -> Floats:
    highest: Floats = np.max(
        [np.einsum("nhw,nhw->n", images, target) for target in targets], axis=0
    )
    return highest


@functools.cache
def _crops(side: int) -> list[Floats]:
    """For each scale (positions, S, S): matrices that resample the rows of a crop linearly."""
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
