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
from models.scoring.embedding import FEATURES, Embedder
from models.scoring.metrics.copies import KnownPictures
from models.scoring.metrics.diversity import diversity
from models.scoring.metrics.frechet import FrechetReference, Moments, frechet_distances
from models.scoring.metrics.kernel import KernelSample, kernel_distances
from models.scoring.metrics.neighbours import Neighbourhoods
from models.scoring.metrics.resampling import interval, resampled
from models.scoring.metrics.wasserstein import PatchReference
from models.scoring.nearest import FEATURES_FILE
from models.seeds import random_stream

KNOWN = 50_000  # training pictures that copies are looked for among, at most
NOISE = 500  # pictures that make the ceiling
PIXELS = 1024  # pictures whose pixels are looked at
PART = 256  # pictures embedded at a time


class ScoreError(ValueError):
    """The pictures cannot be scored against this dataset."""


class Reference:
    """The real side of a score, prepared once: a fixed random sample of a packed dataset.

    `real` says what other real pictures score in the place of generated ones, `ceiling` {kid,
    frechet} what noise does. `seconds` is what preparing it took.
    """

    @classmethod
    def of(cls, folder: Path, embedder: Embedder, images: int = 2000, seed: int = 0) -> "Reference":
        """Of `images.npy`, and of `features.npy` where those are this embedder's.

        The floor compares two samples without a picture in common: of `images` each where the
        dataset has twice as many, else its two halves.
        """
        if images < 1:
            raise ScoreError(f"a score needs at least 1 real picture, not {images}")
        return cls(folder, embedder, images, seed)

    def __init__(self, folder: Path, embedder: Embedder, images: int, seed: int) -> None:
        started = time.perf_counter()
        dataset = PackedDataset(folder)
        self.shape, self.images = dataset.shape, min(images, len(dataset))
        self.embedding, self._seed = embedder.name, seed
        order = torch.randperm(len(dataset), generator=self.stream("sample"))
        features = _features(folder, dataset, order, 2 * images, embedder)
        compared = order[: 2 * images]
        self._half = max(1, len(compared) // 2)
        self._prepare(features, features[: len(compared)], embedder)

        pictures = dataset.batch(order[: min(self.images, PIXELS)]).numpy()
        others = dataset.batch(compared[-min(self._half, PIXELS) :]).numpy()
        self.patches = PatchReference(pictures, self.stream("patches"))
        self.real["diversity"] = diversity(pictures, self.stream("pairs"))
        self.real["swd"] = self.patches.distance(others, self.stream("other patches"))
        self.seconds = time.perf_counter() - started

    def _prepare(self, known: Tensor, compared: Tensor, embedder: Embedder) -> None:
        """What is made of features alone."""
        sample = compared[: self.images]
        weights = self.resampled(len(sample), "real pictures")
        self.kernel = KernelSample.of(sample, weights)
        self.frechet = FrechetReference.of(sample, weights)
        self.neighbourhoods = Neighbourhoods.of(sample)
        self.known = KnownPictures.of(known, self.images)
        first, second = compared[: self._half], compared[-self._half :]
        self.real: dict[str, float] = asdict(Neighbourhoods.of(first).overlap(second))
        self._halves = _distances(first, second)
        noise = _noise_features(min(NOISE, self.images), self.shape, embedder, self._seed)
        self.ceiling = _distances(sample, noise)

    def floor(self, images: int) -> dict[str, float]:
        """{kid, frechet} of real pictures against other real ones, beside a score of `images`.

        What is left of a Fréchet distance there is its bias, which falls with either count; of the
        counts that were compared it is brought to those of the score (measured: docs/scores.md).
        """
        counts = (1 / self.images + 1 / images) / (2 / self._half)
        return self._halves | {"frechet": self._halves["frechet"] * counts}

    def resampled(self, pictures: int, of: str) -> Tensor:
        """Weights of the bootstrap's resamples."""
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


def _features(
    folder: Path, dataset: PackedDataset, order: Tensor, needed: int, embedder: Embedder
) -> Tensor:
    """(K, D) in this order: of `needed` pictures, or of more where they are stored."""
    stored = _stored_features(folder, embedder.name, len(dataset))
    if stored is not None:
        chosen = order[: max(KNOWN, needed)].numpy()
        return torch.from_numpy(stored[chosen].astype(np.float32))
    parts = order[:needed].split(PART)
    return torch.cat([torch.from_numpy(embedder(dataset.batch(part).numpy())) for part in parts])


def _stored_features(folder: Path, embedding: str, pictures: int) -> np.ndarray | None:
    """The memory-mapped features, unless they are absent or another embedding's."""
    try:
        if json.loads((folder / "dataset.json").read_text()).get("embedding") != embedding:
            return None
        features: np.ndarray = np.load(folder / FEATURES_FILE, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError):
        return None
    return features if features.shape == (pictures, FEATURES) else None


def _noise_features(
    pictures: int, shape: tuple[int, int, int], embedder: Embedder, seed: int
) -> Tensor:
    random = np.random.default_rng(seed)
    parts = [min(PART, pictures - start) for start in range(0, pictures, PART)]
    noise = (random.integers(0, 256, (part, *shape), np.uint8) for part in parts)
    return torch.cat([torch.from_numpy(embedder(part)) for part in noise])
