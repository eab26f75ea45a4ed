"""Passports of images: the nearest training picture, whether it was copied, and the quality."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.errors import QueueFull
from app.serving.embedding_thread import DatasetEmbeddings, EmbeddingThread, batches
from models.samples import Pixels
from models.scoring.sample_index import SampleIndex

SECONDS_PER_PICTURE = 0.01  # the estimate behind Retry-After


@dataclass(frozen=True)
class NearestPicture:
    """`percentile`: of 100 training pictures, how many are nearer to their own neighbour."""

    index: int
    url: str
    distance: float
    percentile: float
    copied: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "url": self.url,
            "distance": round(self.distance, 4),
            "percentile": round(self.percentile, 2),
        }


@dataclass(frozen=True)
class Passport:
    """What is known of an image; None for what cannot be determined.

    `quality`: of 100 images of the checkpoint, how many are less realistic.
    """

    nearest: NearestPicture | None
    quality: float | None


class Passports:
    """Issues passports in the thread of the embeddings."""

    def __init__(self, thread: EmbeddingThread, limit: int) -> None:
        self._thread = thread
        self._limit = limit  # pictures that may wait
        self._waiting = 0

    async def issue(
        self,
        embeddings: DatasetEmbeddings | None,
        pixels: Pixels,
        index: SampleIndex | None = None,
    ) -> list[Passport]:
        """(N, H, W, C) uint8, as they are served -> N passports.

        `embeddings` are those of the training pictures, `index` is the checkpoint's. Raises
        QueueFull.
        """
        if self._waiting and self._waiting + len(pixels) > self._limit:
            raise QueueFull(
                f"{self._waiting} images wait for their passports and {len(pixels)} more would "
                f"pass the limit of {self._limit} (MOGGY_GENERATION_QUEUE_IMAGES)",
                retry_after=max(1, round(self._waiting * SECONDS_PER_PICTURE)),
            )
        self._waiting += len(pixels)
        try:
            passports: list[Passport] = []
            for batch in batches(pixels):
                passports += await self._thread.run(
                    functools.partial(self._issue, embeddings, batch, index)
                )
            return passports
        finally:
            self._waiting -= len(pixels)

    async def nearest(
        self, embeddings: DatasetEmbeddings, pixels: Pixels, count: int
    ) -> list[NearestPicture]:
        """The `count` training pictures nearest to one image, (1, H, W, C), nearest first."""

        def search() -> list[NearestPicture]:
            (features,) = self._thread.compute(pixels)
            nearest = embeddings.index.nearest_to_one(features, count)
            return list(_nearest_pictures(embeddings, *nearest))

        return await self._thread.run(search)

    def _issue(
        self, embeddings: DatasetEmbeddings | None, pixels: Pixels, index: SampleIndex | None
    ) -> list[Passport]:
        features = self._thread.compute(pixels)
        pictures: list[NearestPicture | None] = [None] * len(pixels)
        if embeddings is not None:
            pictures = list(_nearest_pictures(embeddings, *embeddings.index.nearest(features)))
        qualities: list[float | None] = [None] * len(pixels)
        if index is not None and index.reference is not None:
            qualities = index.quality(index.reference.realism(features)).tolist()
        return [
            Passport(nearest, quality) for nearest, quality in zip(pictures, qualities, strict=True)
        ]


def _nearest_pictures(
    embeddings: DatasetEmbeddings, indices: NDArray[np.int64], distances: NDArray[np.float32]
) -> Iterator[NearestPicture]:
    percentiles = embeddings.index.percentile(distances)
    folder = f"/v1/datasets/{embeddings.pictures.dataset}/images"
    for index, distance, percentile in zip(
        indices.tolist(), distances.tolist(), percentiles.tolist(), strict=True
    ):
        copied = distance <= embeddings.copy_distance
        yield NearestPicture(index, f"{folder}/{index}.png", distance, percentile, copied)
