"""The realism score of an image: how near it is to the real images, in embedding space.

Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models"
(NeurIPS 2019), section 4. Does not import torch.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.scoring.nearest import Vectors, VectorSearch

NEIGHBOUR = 3  # the radius of a real image is the distance to its third-nearest other one
MAX_REFERENCE = 4096  # real images that are kept: 1 MB, and a millisecond for each scored image
BLOCK_QUERIES = 256
LEAST_DISTANCE = 1e-3  # an image that equals a real one gets a large, finite score


class Reference:
    """A sample of the real images: `features` (R, F) float16, `radii` (R,) float32.

    Only the real images whose radius is at most the median are kept, as the paper does: the radius
    of an outlier is large, and would make everything near it look real.
    """

    def __init__(self, features: NDArray[np.float16], radii: NDArray[np.float32]) -> None:
        self.features, self.radii = features, radii
        self._search = VectorSearch(features)

    @classmethod
    def of_dataset(cls, features: Vectors) -> Self:
        """Choose the reference among the embeddings (N, F) of a dataset, N of at least 2.

        Of more than twice MAX_REFERENCE images, a fixed sample is used.
        """
        stored = np.asarray(features, np.float16)
        if len(stored) > 2 * MAX_REFERENCE:
            generator = np.random.default_rng(0)
            stored = stored[np.sort(generator.choice(len(stored), 2 * MAX_REFERENCE, False))]
        radii = _radii(stored)
        dense = np.sort(np.argsort(radii, kind="stable")[: max(1, len(radii) // 2)])
        return cls(stored[dense], radii[dense])

    def realism(self, features: Vectors) -> NDArray[np.float32]:
        """(M, F) -> (M,): above 1, the image lies within the radius of a real one."""
        scores = np.empty(len(features), np.float32)
        for first in range(0, len(features), BLOCK_QUERIES):
            part = slice(first, first + BLOCK_QUERIES)
            distances = np.maximum(self._search.distances(features[part]), LEAST_DISTANCE)
            scores[part] = (self.radii / distances).max(1)
        return scores


def _radii(stored: NDArray[np.float16]) -> NDArray[np.float32]:
    """(N, F) -> (N,): the distance of each vector to its NEIGHBOUR-th nearest other one."""
    search = VectorSearch(stored)
    rank = min(NEIGHBOUR, len(stored) - 1)  # rank 0 is the vector itself
    radii = np.empty(len(stored), np.float32)
    for first in range(0, len(stored), BLOCK_QUERIES):
        part = slice(first, first + BLOCK_QUERIES)
        distances = search.distances(stored[part])
        radii[part] = np.partition(distances, rank, axis=1)[:, rank]
    return radii
