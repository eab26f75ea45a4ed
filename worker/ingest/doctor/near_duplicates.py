"""Near-duplicates: the same picture cropped, compressed, mirrored or made brighter.

The embedding proposes pairs, and their pixels decide: two black cats may lie as near to each other
as a picture to its copy, but then their thumbnails differ. And where pictures are much alike, as
ones among digits are, a copy must be far nearer than they are to each other.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.ingest.doctor.alignment import aligned_correlations, correlations
from worker.ingest.doctor.pairs import Features, Places, close_pairs, distances_between
from worker.ingest.fitting import Pixels

NEAR = 0.4  # embedding distance
NEARER = 0.27  # of the distance within which a fiftieth of all lies
ALIKE = 0.94  # correlation of two thumbnails
WORTH_ALIGNING = 0.6  # with less before, a crop of a few percent never comes to so much
BLOCK = 512  # pairs


@dataclass(frozen=True)
class NearDuplicates:
    """Of each of N pictures the earlier one that it repeats, itself where there is none."""

    originals: Places
    distances: NDArray[np.float32]

    @property
    def repeats(self) -> NDArray[np.bool_]:
        """(N,): would be left out."""
        repeats: NDArray[np.bool_] = self.originals != np.arange(len(self.originals))
        return repeats


def find_near_duplicates(
    features: Features,
    local: NDArray[np.float32],
    thumbnails: Pixels,
    mirrorable: bool,
    tick: Callable[[int], None],
) -> NearDuplicates:
    """Of (N, F) unit vectors, (N,) the distances within which a fiftieth of all lies, and
    (N, 32, 32) thumbnails; `mirrorable`: a mirrored copy is a copy.

    An original is never a repeat itself, and every repeat was compared with its own original: of a
    slow film, where each picture is like the next, those stay that differ.
    """
    limits = np.minimum(NEAR, NEARER * local)
    pairs = close_pairs(features, NEAR, tick)
    copies = np.flatnonzero(
        pairs.distances < np.minimum(limits[pairs.later], limits[pairs.earlier])
    )
    copies = copies[
        _alike(thumbnails, pairs.later[copies], pairs.earlier[copies], mirrorable, tick)
    ]
    originals = np.arange(len(features))
    distances = np.zeros(len(features), np.float32)
    for pair in copies.tolist():
        place, candidate = pairs.later[pair : pair + 1], pairs.earlier[pair : pair + 1]
        original = originals[candidate]
        if originals[place] != place:
            continue
        distance = distances_between(features, place, original)
        if original != candidate:
            limit = np.minimum(limits[place], limits[original])
            if distance > limit or not _alike(thumbnails, place, original, mirrorable, tick):
                continue
        originals[place], distances[place] = original, distance
    return NearDuplicates(originals, distances)


def _alike(
    thumbnails: Pixels,
    ones: Places,
    others: Places,
    mirrorable: bool,
    tick: Callable[[int], None],
) -> NDArray[np.bool_]:
    """(n,): which pairs show the same."""
    alike = np.zeros(len(ones), bool)
    for start in range(0, len(alike), BLOCK):
        places = np.arange(start, min(start + BLOCK, len(alike)))
        one, other = thumbnails[ones[places]], thumbnails[others[places]]
        plain = correlations(one, other, mirrorable)
        alike[places] = plain >= ALIKE
        near = (plain >= WORTH_ALIGNING) & (plain < ALIKE)
        aligned = aligned_correlations(one[near], other[near], mirrorable)
        alike[places[near]] = aligned >= ALIKE
        tick(0)
    return alike
