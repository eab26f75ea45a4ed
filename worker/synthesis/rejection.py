"""Which generated images a synthesis leaves out: copies of training images, and poor ones."""

import numpy as np
from numpy.typing import NDArray

from models.samples import Features, Pixels
from models.scoring.nearest import NoIndex, copy_distance, open_index
from models.scoring.onnx_embedder import OnnxEmbedder
from models.scoring.sample_index import SampleIndex, SampleIndexError
from worker.synthesis.request import ComparedDataset, NoQuality, NotComparable, QualityLimit

Flags = NDArray[np.bool_]  # (N,)

BUILD_ANEW = "search the model, which builds a new index, then queue the synthesis again"


class RejectionFilter:
    """Finds the images to leave out; embeds each image once for both criteria. Thread-safe."""

    def __init__(self, compared: ComparedDataset | None, limit: QualityLimit | None) -> None:
        """Raises NotComparable, NoQuality."""
        self._embedder = OnnxEmbedder()
        name = self._embedder.name
        self._copies = None if compared is None else CopyFinder(compared, name)
        self._quality = None if limit is None else QualityFilter(limit, name)

    def find(self, pixels: Pixels) -> list[bool]:
        """Return whether each of the images (N, H, W, C) uint8 is left out."""
        features = self._embedder(pixels)
        rejected = np.zeros(len(pixels), np.bool_)
        if self._copies is not None:
            rejected |= self._copies.find(features)
        if self._quality is not None:
            rejected |= self._quality.find(features)
        return rejected.tolist()


class CopyFinder:
    """Finds copies of a dataset's images as the copy passport defines them."""

    def __init__(self, compared: ComparedDataset, embedding: str) -> None:
        """`embedding` names the network of the features. Raises NotComparable."""
        try:
            self._index = open_index(compared.folder.joinpath, embedding)
        except NoIndex as exc:
            raise NotComparable(
                f"copies cannot be recognised: dataset {compared.dataset!r} {exc}"
            ) from exc
        self._max_distance = copy_distance(self._index.neighbours)

    def find(self, features: Features) -> Flags:
        """Which of the images are copies. The index is searched once for all of them, because each
        search reads all of it."""
        _, distances = self._index.nearest(features)
        copies: Flags = distances <= self._max_distance
        return copies


class QualityFilter:
    """Finds images below a quality, as the checkpoint's sample index defines it."""

    def __init__(self, limit: QualityLimit, embedding: str) -> None:
        """`embedding` names the network of the features. Raises NoQuality."""
        if limit.index is None:
            raise NoQuality(
                "the sample index by which min_quality was to be measured has been replaced since "
                "the synthesis was queued: queue it again"
            )
        try:
            index = SampleIndex(limit.index)
        except SampleIndexError as exc:
            raise NoQuality(f"the checkpoint's sample index {exc}: {BUILD_ANEW}") from exc
        if index.description.embedding != embedding:
            raise NoQuality(
                f"the checkpoint's sample index was embedded by {index.description.embedding}, "
                f"this worker has {embedding}: {BUILD_ANEW}"
            )
        if index.reference is None:
            raise NoQuality(
                "the quality of this model's images is not known: "
                f"{index.description.quality_absent}"
            )
        self._index, self._reference = index, index.reference
        self._least = limit.min_quality

    def find(self, features: Features) -> Flags:
        """Which of the images are below the quality."""
        poor: Flags = self._index.quality(self._reference.realism(features)) < self._least
        return poor
