"""How crowded it is around each picture: the far from everything are outliers."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from worker.ingest.doctor.pairs import Features

SAMPLE = 2000  # pictures that each is compared with
LONELY = 0.01  # of them: a few odd pictures that are like each other are odd all the same
LOCAL = 0.02  # of them: however often a picture was copied, that is hardly so often
LEAST_LONELY, LEAST_LOCAL = 6, 10  # pictures, with the picture itself
LEAST = 100  # pictures; fewer tell nothing of what is usual
ROWS = 1024
SPREADS = 4.0  # beyond the median, in units of what lies between it and the upper quartile

Floats = NDArray[np.float32]


def crowding(features: Features, tick: Callable[[], None]) -> tuple[Floats, Floats]:
    """(N, F) -> (N,) twice: the distances within which 1 % and 2 % of a fixed sample lie; of few
    pictures the latter are endless."""
    generator = np.random.default_rng(0)
    count = min(SAMPLE, len(features))
    chosen = np.sort(generator.choice(len(features), count, False))
    sample = features[chosen].astype(np.float32)
    wanted = max(LEAST_LONELY, round(LONELY * count)), max(LEAST_LOCAL, round(LOCAL * count))
    ranks = [min(count, rank) for rank in wanted]
    distances = np.empty((2, len(features)), np.float32)
    for start in range(0, len(features), ROWS):
        similarity = features[start : start + ROWS].astype(np.float32) @ sample.T
        similarity.partition([count - rank for rank in ranks], axis=1)
        for place, rank in enumerate(ranks):
            nearest = similarity[:, count - rank]
            distances[place, start : start + ROWS] = np.sqrt(np.maximum(2 - 2 * nearest, 0))
        tick()
    if len(features) < LEAST:
        distances[1] = np.inf
    return distances[0], distances[1]


def outlier_limit(lonely: Floats) -> float:
    """The distance beyond which a picture is an outlier among these."""
    if len(lonely) < LEAST:
        return float("inf")
    median, upper = np.quantile(lonely, (0.5, 0.75))
    return float(median + SPREADS * (upper - median))
