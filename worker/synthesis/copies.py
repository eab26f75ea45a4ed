"""Which pictures are copies of training pictures, by the definition of the copy passport."""

import numpy as np

from models.samples import Pixels
from models.scoring.embedding import SMALL_BATCH, Embedder
from models.scoring.nearest import NoIndex, copy_distance, open_index
from worker.synthesis.errors import NoPassport
from worker.synthesis.request import Compared


class Copies:
    """Compares pictures with those of a packed dataset. Used by several threads."""

    def __init__(self, compared: Compared) -> None:
        self._embedder = Embedder()
        try:
            self._index = open_index(compared.folder.joinpath, self._embedder.name)
        except NoIndex as exc:
            raise NoPassport(
                f"copies cannot be told from other images: dataset {compared.dataset!r} {exc}"
            ) from exc
        self._distance = copy_distance(self._index.neighbours)

    def among(self, pixels: Pixels) -> list[bool]:
        """(N, H, W, C) uint8, embedded by one shape of forward pass, as for a passport, and looked
        up all at once: the index is read through for each search."""
        batches = (
            pixels[first : first + SMALL_BATCH] for first in range(0, len(pixels), SMALL_BATCH)
        )
        features = np.concatenate([self._embedder(batch) for batch in batches])
        _, distances = self._index.nearest(features)
        copied: list[bool] = (distances <= self._distance).tolist()
        return copied
