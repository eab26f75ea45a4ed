"""Near-duplicates: the same picture cropped, compressed, mirrored or made brighter.

The embedding proposes pairs, and their pixels decide: two black cats may lie as near to each other
as a picture to its copy, but then their thumbnails differ. And where pictures are much alike, as
ones among digits are, a copy is far nearer than its twentieth neighbour is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.ingest.decoding.levels import Pixels
from worker.ingest.doctor.alignment import aligned_correlations, correlations
from worker.ingest.doctor.outliers import Neighbourhood
from worker.ingest.doctor.pairs import Features, Places, close_pairs, distances_between

NEAR = 0.5  # embedding distance
NEARER = 0.5  # of the distance of the twentieth neighbour
ALIKE = 0.94  # correlation of two thumbnails
SAME = 0.99  # and that of two as they are, however many more of the same there are
WORTH_ALIGNING = 0.6  # with less before, a crop of a few percent never comes to so much
BLOCK = 512  # pairs

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class NearDuplicates:
    """Of each of N pictures the earlier one that it repeats, itself where there is none."""

    originals: Places
    distances: NDArray[np.float32]

    @property
    def repeats(self) -> Mask:
        """(N,): would be left out."""
        repeats: Mask = self.originals != np.arange(len(self.originals))
        return repeats


def find_near_duplicates(
    features: Features, thumbnails: Pixels, mirrorable: bool, tick: Callable[[int], None]
) -> NearDuplicates:
    """Of (N, F) unit vectors and (N, S, S) thumbnails; `mirrorable`: a mirrored copy is a copy.

    An original is never a repeat itself, and every repeat was compared with its own original: of a
    slow film, where each picture is like the next, those stay that differ.
    """
    pairs = close_pairs(features, NEAR, tick)
    judge = _Judge(features, thumbnails, mirrorable)
    copies = np.zeros(len(pairs.later), bool)
    for start in range(0, len(copies), BLOCK):
        part = slice(start, start + BLOCK)
        copies[part] = judge(pairs.later[part], pairs.earlier[part], pairs.distances[part])
        tick(0)
    originals = np.arange(len(features))
    distances = np.zeros(len(features), np.float32)
    for pair in np.flatnonzero(copies).tolist():
        place, candidate = pairs.later[pair : pair + 1], pairs.earlier[pair : pair + 1]
        original = originals[candidate]
        if originals[place] != place:
            continue
        distance = distances_between(features, place, original)
        if original == candidate or judge(place, original, distance):
            originals[place], distances[place] = original, distance
        tick(0)
    return NearDuplicates(originals, distances)


class _Judge:
    """Decides which pairs show the same picture."""

    def __init__(self, features: Features, thumbnails: Pixels, mirrorable: bool) -> None:
        self._neighbourhood = Neighbourhood(features)
        self._thumbnails = thumbnails
        self._mirrorable = mirrorable

    def __call__(self, ones: Places, others: Places, distances: NDArray[np.float32]) -> Mask:
        """(n,) places twice and the distances of their embeddings -> (n,)."""
        one, other = self._thumbnails[ones], self._thumbnails[others]
        plain = correlations(one, other, self._mirrorable)
        alike = plain >= SAME
        open_ = np.flatnonzero((plain >= WORTH_ALIGNING) & ~alike & (distances < NEAR))
        nearer = distances[open_] < NEARER * self._neighbourhood(ones[open_])
        open_ = open_[nearer]
        alike[open_] = plain[open_] >= ALIKE
        open_ = open_[~alike[open_]]
        aligned = aligned_correlations(one[open_], other[open_], self._mirrorable)
        alike[open_] = aligned >= ALIKE
        return alike & (distances < NEAR)
