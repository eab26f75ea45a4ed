"""Outliers: images whose neighbours are distant.

`LocalDistances` gives `near_duplicates` the usual distance between images in one region.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from worker.ingest.doctor.close_pairs import Features, Indices

REFERENCE_IMAGES = 2000  # with which each image is compared
# The share of them within the distance. A few odd images that are alike still count as outliers.
NEIGHBOUR_SHARE = 0.01
MIN_RANK = 6  # of the neighbour in a small sample, the image itself included
MIN_OUTLIER_IMAGES = 100  # with fewer, the usual distances are unknown
ROWS = 1024
SPREADS = 3.5  # above the median, in units of upper quartile − median

LOCAL_NEIGHBOURS = 20
LOCAL_SHARE = 0.02  # of a small dataset; its twentieth neighbour would not be local
LOCAL_SAMPLE = 20_000  # images among which the neighbour is estimated

Floats = NDArray[np.float32]


def neighbour_distances(features: Features, tick: Callable[[], None]) -> Floats:
    """(N, F) -> (N,): the distance within which 1 % of a fixed sample of images lies."""
    sample = _sample(features, REFERENCE_IMAGES)
    rank = min(len(sample), max(MIN_RANK, round(NEIGHBOUR_SHARE * len(sample))))
    distances = np.empty(len(features), np.float32)
    for start in range(0, len(features), ROWS):
        part = slice(start, start + ROWS)
        distances[part] = _ranked_distances(features[part].astype(np.float32), sample, rank)
        tick()
    return distances


def outlier_limit(distances: Floats) -> float:
    """The neighbour distance above which an image is an outlier among these."""
    if len(distances) < MIN_OUTLIER_IMAGES:
        return float("inf")
    median, upper = np.quantile(distances, (0.5, 0.75))
    return float(median + SPREADS * (upper - median))


class LocalDistances:
    """The distance of the twentieth neighbour of each image; infinite in a small dataset."""

    def __init__(self, features: Features) -> None:
        self._features = features
        self._sample = _sample(features, LOCAL_SAMPLE)
        neighbours = min(LOCAL_NEIGHBOURS, LOCAL_SHARE * len(features))
        share = len(self._sample) / len(features)
        self._rank = 1 + max(1, round(neighbours * share))  # the image itself is the first
        self._cache = np.full(len(features), np.nan, np.float32)

    def __call__(self, indices: Indices) -> Floats:
        """(n,) -> (n,)."""
        if len(self._features) < MIN_OUTLIER_IMAGES:
            return np.full(len(indices), np.inf, np.float32)
        unknown = np.unique(indices[np.isnan(self._cache[indices])])
        if len(unknown):
            rows = self._features[unknown].astype(np.float32)
            self._cache[unknown] = _ranked_distances(rows, self._sample, self._rank)
        distances: Floats = self._cache[indices]
        return distances


def _sample(features: Features, size: int) -> Floats:
    count = min(size, len(features))
    chosen = np.sort(np.random.default_rng(0).choice(len(features), count, False))
    return features[chosen].astype(np.float32)


def _ranked_distances(rows: Floats, sample: Floats, rank: int) -> Floats:
    """(n, F) and (s, F) -> (n,): the distance to the vector of the sample with this rank, from 1.

    Distances are rounded by 2 - 2x·y, which suffices here. `models.scoring.nearest` has the exact
    distance of the nearest image.
    """
    similarity = rows @ sample.T
    similarity.partition(len(sample) - rank, axis=1)
    distances: Floats = np.sqrt(np.maximum(2 - 2 * similarity[:, len(sample) - rank], 0))
    return distances
