"""What the distance of a projection means: compared with the projections of held-out pictures.

The held-out pictures are those that the training did not learn from. A picture is outside of what
the model can make if its projection is more distant than those of nearly all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.config import TrainingConfig
from models.data import PackedDataset, normalise, split_held_out
from models.projection.encoder import Pairs
from models.projection.refinement import Refinement
from models.random_streams import random_stream
from models.rendering import to_uint8
from models.scoring.embedding import Embedder

PICTURES_AT_ONCE = 16
HELD_OUT, GENERATED = "held_out", "generated"
INSIDE_PERCENTILE = 95.0  # of the distances of held-out pictures
PAIR_IMAGES = 256  # generated, for the distances of all pairs
PAIR_PERCENTILE = 1.0

Distances = NDArray[np.float32]


class Verdict(NamedTuple):
    """Whether a model can make a picture, the kind of the reason, and a sentence."""

    inside: bool
    kind: str  # unrelated | not_compared | outside | inside
    says: str


@dataclass(frozen=True)
class Calibration:
    """Sorted distances (N,) of projected pictures, their source, and `unrelated`.

    `unrelated` is the distance that only one in a hundred pairs of generated images is below.
    """

    distances: Distances
    source: str  # HELD_OUT | GENERATED
    unrelated: float

    def percentile(self, distance: float) -> float:
        """The percentage of the calibration's pictures, 0 to 100, whose distances are smaller."""
        smaller = int(np.searchsorted(self.distances, distance, side="left"))
        return 100 * smaller / len(self.distances)

    def judge(self, distance: float) -> Verdict:
        """Whether the model can make a picture of this distance, and why."""
        count = len(self.distances)
        if distance > self.unrelated:
            return Verdict(
                False,
                "unrelated",
                "This model cannot make this picture: its best image is no more like the picture "
                "than unrelated images of the model are like each other.",
            )
        if self.source == GENERATED:
            return Verdict(
                True,
                "not_compared",
                "This model can make an image like this picture. Its training pictures are not "
                "here, so the percentile compares the picture with generated ones.",
            )
        if distance > float(np.percentile(self.distances, INSIDE_PERCENTILE)):
            return Verdict(
                False,
                "outside",
                "This model cannot make this picture: its best image is further from it than those "
                f"of 95 % of {count} pictures of its dataset that it did not learn from.",
            )
        return Verdict(
            True,
            "inside",
            "This model can make this picture: its best image is as near to it as those of "
            f"{count} pictures of its dataset that it did not learn from.",
        )

    def to_json(self) -> dict[str, Any]:
        distances = [round(float(distance), 5) for distance in self.distances]
        return {"distances": distances, "source": self.source, "unrelated": self.unrelated}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        distances = np.array(data["distances"], np.float32)
        return cls(distances, str(data["source"]), float(data["unrelated"]))


class HeldOut(NamedTuple):
    """Pictures (N, H, W, C) uint8 for the calibration, and their labels (N,)."""

    pictures: Tensor
    labels: Tensor | None
    source: str


def read_held_out(folder: Path | None, config: TrainingConfig, pairs: Pairs, count: int) -> HeldOut:
    """At most `count` pictures that the training held out; generated ones where there are none.

    `folder` is the packed dataset, None if it is not here. Raises DatasetError.
    """
    if folder is not None:
        dataset = PackedDataset(folder)
        _, held_out = split_held_out(len(dataset), config.held_out_share)
        if len(held_out) and dataset.shape == config.shape:
            indices = held_out[:count]
            labels = dataset.labels(indices) if config.classes else None
            return HeldOut(dataset.batch(indices), labels, HELD_OUT)
    _, images, labels = pairs.draw(count)
    return HeldOut(to_uint8(images).cpu(), labels, GENERATED)


def calibrate(
    refinement: Refinement,
    embedder: Embedder,
    held_out: HeldOut,
    progress: Callable[[int], None],
) -> Calibration:
    """Project the held-out pictures as any other; `progress` gets the number that is done."""
    distances, total = list[float](), len(held_out.pictures)
    device = refinement.machine.device
    for first in range(0, total, PICTURES_AT_ONCE):
        part = slice(first, first + PICTURES_AT_ONCE)
        pictures = held_out.pictures[part]
        labels = None if held_out.labels is None else held_out.labels[part].to(device)
        latents, chosen = refinement.find(normalise(pictures).to(device), labels)
        images = reconstruct(refinement, latents, chosen)
        distances += embedding_distances(embedder, images, pictures.numpy()).tolist()
        progress(len(distances))
    return Calibration(
        np.sort(np.array(distances, np.float32)),
        held_out.source,
        unrelated_distance(refinement, embedder),
    )


def unrelated_distance(refinement: Refinement, embedder: Embedder) -> float:
    """The distance of two generated images that PAIR_PERCENTILE of all pairs are below."""
    pairs = Pairs(refinement.generator, refinement.machine, random_stream(0, "pairs"))
    _, images, _ = pairs.draw(PAIR_IMAGES)
    features = embedder(to_uint8(images).cpu().numpy())
    similarity = (features @ features.T)[np.triu_indices(PAIR_IMAGES, 1)]
    distances = np.sqrt(np.maximum(2 - 2 * similarity, 0))
    return float(np.percentile(distances, PAIR_PERCENTILE))


@torch.inference_mode()
def reconstruct(refinement: Refinement, latents: Tensor, labels: Tensor | None) -> np.ndarray:
    """(N, D) latents, (N,) labels -> (N, H, W, C) uint8, computed in float32 as images are."""
    pixels: np.ndarray = to_uint8(refinement.generator(latents, labels)).cpu().numpy()
    return pixels


def embedding_distances(embedder: Embedder, images: np.ndarray, others: np.ndarray) -> Distances:
    """(N, H, W, C) uint8 twice -> (N,): the Euclidean distances of their embeddings, 0 to 2."""
    distances: Distances = np.linalg.norm(embedder(images) - embedder(others), axis=1)
    return distances
