"""The realism of an image: how near it is to the real images, in embedding space.

It is minus the mean distance to the nearest real images, an estimate of their density by nearest
neighbours. Does not import torch.
"""

import math
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.scoring.nearest import Vectors, VectorSearch

MAX_REFERENCE = 4096  # real images that are kept: 1 MB, and a millisecond for each scored image
NEAREST_SHARE = 0.05  # of them, to which the mean distance is computed
BLOCK_QUERIES = 256


class Reference:
    """A sample of the real images, by their embeddings: `features` (R, F) float16."""

    def __init__(self, features: NDArray[np.float16]) -> None:
        self.features = features
        self._search = VectorSearch(features)
        self._nearest = math.ceil(NEAREST_SHARE * len(features))

    @classmethod
    def of_dataset(cls, features: Vectors) -> Self:
        """Choose the reference among the embeddings (N, F) of a dataset: all, or the same
        MAX_REFERENCE of them each time."""
        stored = np.asarray(features, np.float16)
        if len(stored) > MAX_REFERENCE:
            chosen = np.random.default_rng(0).choice(len(stored), MAX_REFERENCE, replace=False)
            stored = stored[np.sort(chosen)]
        return cls(stored)

    def realism(self, features: Vectors) -> NDArray[np.float32]:
        """(M, F) -> (M,), from -2 to 0: the higher, the nearer to the real images."""
        scores = np.empty(len(features), np.float32)
        for first in range(0, len(features), BLOCK_QUERIES):
            part = slice(first, first + BLOCK_QUERIES)
            distances = self._search.distances(features[part])
            nearest = np.partition(distances, self._nearest - 1, axis=1)[:, : self._nearest]
            scores[part] = -nearest.mean(1)
        return scores
