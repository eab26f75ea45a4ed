"""How good generated pictures are, beside what real ones and noise would score (docs/scores.md)."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.data import PackedDataset
from models.embedding import Embedder
from models.index import FEATURES_FILE
from models.metrics.copies import KnownPictures
from models.metrics.diversity import diversity
from models.metrics.frechet import FrechetReference, Moments, frechet_distances
from models.metrics.kernel import KernelSample, kernel_distances
from models.metrics.neighbours import Neighbourhoods
from models.metrics.resampling import interval, resampled
from models.metrics.wasserstein import PatchReference
from models.randomness import random_stream

KNOWN = 20_000  # training pictures that copies are looked for among, at most
NOISE = 500  # pictures that make the ceiling


class ScoreError(ValueError):
    """The pictures cannot be scored against this dataset."""


class Reference:
    """The real side of a score, prepared once: a fixed random sample of a packed dataset.

    `real` says what other real pictures score in the place of generated ones, `ceiling` {kid,
    frechet} what noise does. `seconds` is what preparing it took.
    """

    def __init__(
        self, pictures: np.ndarray, features: Tensor, images: int, embedder: Embedder, seed: int
    ) -> None:
        """From (P, H, W, C) real pictures and features (K, D) of these and of more, K ≥ P."""
        self.shape: tuple[int, ...] = pictures.shape[1:]
        self.images = min(images, len(pictures))
        self.embedding = embedder.name
        self.seconds = 0.0
        self._seed = seed

        sample = features[: self.images]
        weights = self.resampled(len(sample), "real pictures")
        self.kernel = KernelSample.of(sample, weights)
        self.frechet = FrechetReference.of(sample, weights)
        self.neighbourhoods = Neighbourhoods.of(sample)
        self.known = KnownPictures.of(features, self.images)
        self.patches = PatchReference(pictures[: self.images], self.stream("patches"))

        half = max(1, len(pictures) // 2)
        first, second = features[:half], features[len(pictures) - half : len(pictures)]
        self._halves, self._half = _distances(first, second), half
        self.real = asdict(Neighbourhoods.of(first).overlap(second)) | {
            "diversity": diversity(pictures[: self.images], self.stream("pairs")),
            "swd": self.patches.distance(pictures[-half:], self.stream("other patches")),
        }
        random = np.random.default_rng(seed)
        noise = random.integers(0, 256, (min(NOISE, self.images), *self.shape), np.uint8)
        self.ceiling = _distances(sample, torch.from_numpy(embedder(noise)))

    @classmethod
    def of(cls, folder: Path, embedder: Embedder, images: int = 2000, seed: int = 0) -> "Reference":
        """Of `images.npy`, and of `features.npy` where those are this embedder's.

        The floor compares two samples without a picture in common: of `images` each where the
        dataset has twice as many, else its two halves.
        """
        if images < 1:
            raise ScoreError(f"a score needs at least 1 real picture, not {images}")
        started = time.perf_counter()
        dataset = PackedDataset(folder)
        order = torch.randperm(len(dataset), generator=random_stream(seed, "scores: sample"))
        pictures = dataset.batch(order[: 2 * images]).numpy()
        stored = _stored_features(folder, embedder.name, len(dataset))
        if stored is None:
            features = embedder(pictures)
        else:
            features = stored[order[: max(KNOWN, 2 * images)].numpy()].astype(np.float32)
        reference = cls(pictures, torch.from_numpy(features), images, embedder, seed)
        reference.seconds = time.perf_counter() - started
        return reference

    def floor(self, images: int) -> dict[str, float]:
        """{kid, frechet} of real pictures against other real ones, beside a score of `images`.

        What is left of a Fréchet distance there is its bias, which falls with either count; of the
        counts that were compared it is brought to those of the score (measured: docs/scores.md).
        """
        counts = (1 / self.images + 1 / images) / (2 / self._half)
        return self._halves | {"frechet": self._halves["frechet"] * counts}

    def resampled(self, pictures: int, of: str) -> Tensor:
        return resampled(pictures, self.stream(f"resampled {of}"))

    def stream(self, purpose: str) -> torch.Generator:
        """Random numbers of the scores' own: whoever trains beside them loses none."""
        return random_stream(self._seed, f"scores: {purpose}")


def score(reference: Reference, images: np.ndarray, embedder: Embedder) -> dict[str, Any]:
    """(N, H, W, C) uint8 generated pictures -> what docs/scores.md defines, all numbers finite.

    The same pictures get the same scores. Raises ScoreError for pictures of another shape than the
    dataset's, for none, and for an embedder other than the reference's.
    """
    if images.shape[1:] != reference.shape or len(images) == 0:
        raise ScoreError(
            f"pictures of {images.shape} cannot be scored: the dataset's are {reference.shape}, "
            f"and at least 1 is needed"
        )
    if embedder.name != reference.embedding:
        raise ScoreError(
            f"the embedding {embedder.name} does not compare with the reference's, "
            f"{reference.embedding}: prepare the reference anew"
        )
    features = torch.from_numpy(embedder(images))
    weights = reference.resampled(len(features), "generated pictures")
    kid = kernel_distances(reference.kernel, KernelSample.of(features, weights))
    frechet = frechet_distances(reference.frechet, Moments.of(features, weights))
    overlap = reference.neighbourhoods.overlap(features)
    return {
        "kid": float(kid[0]),
        "kid_interval": interval(kid),
        "frechet": float(frechet[0]),
        "frechet_interval": [max(0.0, end) for end in interval(frechet)],
        **asdict(overlap),
        "copy_rate": reference.known.copy_rate(features),
        "diversity": diversity(images, reference.stream("pairs")),
        "swd": reference.patches.distance(images, reference.stream("generated patches")),
        "real": reference.real,
        "floor": reference.floor(len(images)),
        "ceiling": reference.ceiling,
        "images": len(images),
        "embedding": reference.embedding,
    }


def _distances(a: Tensor, b: Tensor) -> dict[str, float]:
    ours, theirs = (torch.ones(1, len(one), dtype=torch.float64) for one in (a, b))
    kid = kernel_distances(KernelSample.of(a, ours), KernelSample.of(b, theirs))
    frechet = frechet_distances(FrechetReference.of(a, ours), Moments.of(b, theirs))
    return {"kid": float(kid), "frechet": float(frechet)}


def _stored_features(folder: Path, embedding: str, pictures: int) -> np.ndarray | None:
    """The memory-mapped features, unless they are absent or another embedding's."""
    try:
        if json.loads((folder / "dataset.json").read_text()).get("embedding") != embedding:
            return None
        features: np.ndarray = np.load(folder / FEATURES_FILE, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError):
        return None
    return features if len(features) == pictures else None
