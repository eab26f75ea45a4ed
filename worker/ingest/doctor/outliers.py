"""How crowded it is around each picture: the far from everything are outliers."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from worker.ingest.doctor.pairs import Features, Places

SAMPLE = 2000  # pictures that each is compared with
LONELY = 0.01  # of them: a few odd pictures that are like each other are odd all the same
LEAST_LONELY = 6  # pictures, with the picture itself
LEAST = 100  # pictures; fewer tell nothing of what is usual
ROWS = 1024
SPREADS = 3.5  # beyond the median, in units of what lies between it and the upper quartile

NEIGHBOURS = 20
NEIGHBOUR_SHARE = 0.02  # of few pictures it is the one at this share, so that it is near
NEIGHBOUR_SAMPLE = 20_000  # pictures among which the twentieth neighbour of all is guessed

Floats = NDArray[np.float32]


def loneliness(features: Features, tick: Callable[[], None]) -> Floats:
    """(N, F) -> (N,): the distance within which a hundredth of a fixed sample lies."""
    sample = _sample(features, SAMPLE)
    rank = min(len(sample), max(LEAST_LONELY, round(LONELY * len(sample))))
    lonely = np.empty(len(features), np.float32)
    for start in range(0, len(features), ROWS):
        part = slice(start, start + ROWS)
        lonely[part] = _ranked(features[part].astype(np.float32), sample, rank)
        tick()
    return lonely


class Neighbourhood:
    """How far the twentieth neighbour of a picture is; endless where there are few pictures."""

    def __init__(self, features: Features) -> None:
        self._features = features
        self._sample = _sample(features, NEIGHBOUR_SAMPLE)
        wanted = min(NEIGHBOURS, NEIGHBOUR_SHARE * len(features))
        share = len(self._sample) / len(features)
        self._rank = 1 + max(1, round(wanted * share))  # with the picture itself
        self._known = np.full(len(features), np.nan, np.float32)

    def __call__(self, places: Places) -> Floats:
        """(n,) -> (n,)."""
        if len(self._features) < LEAST:
            return np.full(len(places), np.inf, np.float32)
        unknown = np.unique(places[np.isnan(self._known[places])])
        if len(unknown):
            rows = self._features[unknown].astype(np.float32)
            self._known[unknown] = _ranked(rows, self._sample, self._rank)
        known: Floats = self._known[places]
        return known


def _sample(features: Features, size: int) -> Floats:
    count = min(size, len(features))
    chosen = np.sort(np.random.default_rng(0).choice(len(features), count, False))
    return features[chosen].astype(np.float32)


def _ranked(rows: Floats, sample: Floats, rank: int) -> Floats:
    """(n, F) and (s, F) -> (n,): the distance to the nearest of the sample but rank - 1."""
    similarity = rows @ sample.T
    similarity.partition(len(sample) - rank, axis=1)
    distances: Floats = np.sqrt(np.maximum(2 - 2 * similarity[:, len(sample) - rank], 0))
    return distances


def outlier_limit(lonely: Floats) -> float:
    """The distance beyond which a picture is an outlier among these."""
    if len(lonely) < LEAST:
        return float("inf")
    median, upper = np.quantile(lonely, (0.5, 0.75))
    return float(median + SPREADS * (upper - median))
