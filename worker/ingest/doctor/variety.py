"""How many pictures a dataset amounts to: the effective number by the spectrum of similarities.

Vendi score (Friedman and Dieng 2023, arXiv:2210.02410): the exponential of the entropy of the
eigenvalues of K / n, where K holds the similarities of n pictures, 1 of each to itself. It is n
where all are wholly unlike, and 1 where all are the same.
"""

import numpy as np

from worker.ingest.doctor.pairs import Features, Places

SAMPLE = 1000
WIDTH = 0.4  # embedding distance at which two pictures count as alike by 1/√e
LEAST = 1e-12  # an eigenvalue below is rounding


def effective_number(features: Features, places: Places) -> tuple[float, int]:
    """The number, and of how many pictures, a fixed sample of up to 1,000 at `places`, it is."""
    count = min(SAMPLE, len(places))
    chosen = np.sort(np.random.default_rng(0).choice(places, count, False))
    sample = features[chosen].astype(np.float64)
    sample /= np.linalg.norm(sample, axis=1, keepdims=True)
    squares = np.maximum(2 - 2 * sample @ sample.T, 0)
    spectrum = np.linalg.eigvalsh(np.exp(-squares / (2 * WIDTH**2)) / count)
    positive = spectrum[spectrum > LEAST]
    return float(np.exp(-(positive * np.log(positive)).sum())), count
