"""Scores of generated images, beside those of other real images and of noise (docs/scores.md)."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.data import PackedDataset
from models.random_streams import random_stream
from models.scoring.embedding import Embedder
from models.scoring.embedding_definition import FEATURES
from models.scoring.metrics.diversity import diversity
from models.scoring.metrics.frechet import FrechetReference, Moments, frechet_distances
from models.scoring.metrics.kernel import KernelSample, kernel_distances
from models.scoring.metrics.neighbours import KnownImages, Neighbourhoods
from models.scoring.metrics.wasserstein import PatchReference
from models.scoring.nearest import FEATURES_FILE

MAX_KNOWN_IMAGES = 50_000  # training images among which copies are searched
NOISE_IMAGES = 500  # images of noise that the ceiling is measured on
PIXEL_IMAGES = 1024  # real images for the metrics that compare pixels
EMBEDDED_AT_A_TIME = 256
BOOTSTRAP_REPLICATES = 100  # enough for a standard error (Efron and Tibshirani 1993, 6.4)
NORMAL_95 = 1.96  # half the width of a 95 % interval, in standard deviations


class ScoreError(ValueError):
    """The images cannot be scored against this dataset."""


class Reference:
    """The real side of the scores, prepared once: a fixed random sample of a packed dataset.

    `real` holds the scores of other real images in place of generated ones, `ceiling` {kid,
    frechet} those of noise. `seconds` is the time that the preparation took.
    """

    @classmethod
    def of(cls, folder: Path, embedder: Embedder, images: int = 2000, seed: int = 0) -> "Reference":
        """Prepare `folder`, with its stored features where this embedder made them.

        The floor compares two samples that share no image: of `images` each where the dataset has
        twice as many, else its two halves.
        """
        if images < 1:
            raise ScoreError(f"a score needs at least 1 real image, not {images}")
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

        sample_images = dataset.batch(order[: min(self.images, PIXEL_IMAGES)]).numpy()
        others = dataset.batch(compared[-min(self._half, PIXEL_IMAGES) :]).numpy()
        self.patches = PatchReference(sample_images, self.stream("patches"))
        self.real["diversity"] = diversity(sample_images, self.stream("pairs"))
        self.real["swd"] = self.patches.distance(others, self.stream("other patches"))
        self.seconds = time.perf_counter() - started

    def _prepare(self, known: Tensor, compared: Tensor, embedder: Embedder) -> None:
        """Prepare everything that depends on features alone."""
        sample = compared[: self.images]
        weights = self.bootstrap_weights(len(sample), "real pictures")
        self.kernel = KernelSample.of(sample, weights)
        self.frechet = FrechetReference.of(sample, weights)
        self.neighbourhoods = Neighbourhoods.of(sample)
        self.known = KnownImages.of(known, self.images)
        first, second = compared[: self._half], compared[-self._half :]
        self.real: dict[str, float] = asdict(Neighbourhoods.of(first).overlap(second))
        self._halves = _distances(first, second)
        noise = _noise_features(min(NOISE_IMAGES, self.images), self.shape, embedder, self._seed)
        self.ceiling = _distances(sample, noise)

    def floor(self, images: int) -> dict[str, float]:
        """{kid, frechet} of real images against other real ones, for a score of `images` images.

        The Fréchet distance between real samples is its bias, which is proportional to
        1/n + 1/m. It is scaled from the counts of the halves to those of the score (docs/scores.md
        has the measurement).
        """
        ratio = (1 / self.images + 1 / images) / (2 / self._half)
        return self._halves | {"frechet": self._halves["frechet"] * ratio}

    def bootstrap_weights(self, images: int, purpose: str) -> Tensor:
        """Weights of the sample and its resamples, as the function `bootstrap_weights` gives."""
        return bootstrap_weights(images, self.stream(f"resampled {purpose}"))

    def stream(self, purpose: str) -> torch.Generator:
        """Random numbers of the scores alone: they take none from a training beside them."""
        return random_stream(self._seed, f"scores: {purpose}")


def score(reference: Reference, images: np.ndarray, embedder: Embedder) -> dict[str, Any]:
    """(N, H, W, C) uint8 generated images -> the scores of docs/scores.md, all of them finite.

    The same images get the same scores. Raises ScoreError for no images, for images of another
    shape than the dataset's, and for an embedder other than the reference's.
    """
    if images.shape[1:] != reference.shape or len(images) == 0:
        raise ScoreError(
            f"images of {images.shape} cannot be scored: the dataset's are {reference.shape}, "
            f"and at least 1 is needed"
        )
    if embedder.name != reference.embedding:
        raise ScoreError(
            f"features of the embedding {embedder.name} cannot be compared with the reference's, "
            f"{reference.embedding}: prepare the reference again with {embedder.name}"
        )
    features = torch.from_numpy(embedder(images))
    weights = reference.bootstrap_weights(len(features), "generated pictures")
    kid = kernel_distances(reference.kernel, KernelSample.of(features, weights))
    frechet = frechet_distances(reference.frechet, Moments.of(features, weights))
    overlap = reference.neighbourhoods.overlap(features)
    return {
        "kid": float(kid[0]),
        "kid_interval": confidence_interval(kid),
        "frechet": float(frechet[0]),
        "frechet_interval": [max(0.0, end) for end in confidence_interval(frechet)],
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


def bootstrap_weights(images: int, generator: torch.Generator) -> Tensor:
    """Weights (1 + BOOTSTRAP_REPLICATES, images) of the bootstrap (Efron 1979), float64.

    The first row is the sample itself, all ones. Each other row counts how often an image comes up
    in `images` draws with replacement.
    """
    drawn = torch.randint(images, (BOOTSTRAP_REPLICATES, images), generator=generator)
    weights = torch.zeros(BOOTSTRAP_REPLICATES, images, dtype=torch.float64)
    weights.scatter_add_(1, drawn, torch.ones_like(weights))
    return torch.cat([torch.ones(1, images, dtype=torch.float64), weights])


def confidence_interval(values: Tensor) -> list[float]:
    """The 95 % interval of a score: (1 + BOOTSTRAP_REPLICATES,) values, the sample's own first.

    It is the sample's value ± 1.96 standard deviations of the replicates. Percentiles would add the
    bias of a Fréchet distance a second time, because a resample has fewer different images.
    """
    value, spread = float(values[0]), NORMAL_95 * float(values[1:].std())
    return [value - spread, value + spread]


def _distances(a: Tensor, b: Tensor) -> dict[str, float]:
    weights_a, weights_b = (torch.ones(1, len(x), dtype=torch.float64) for x in (a, b))
    kid = kernel_distances(KernelSample.of(a, weights_a), KernelSample.of(b, weights_b))
    frechet = frechet_distances(FrechetReference.of(a, weights_a), Moments.of(b, weights_b))
    return {"kid": float(kid), "frechet": float(frechet)}


def _features(
    folder: Path, dataset: PackedDataset, order: Tensor, needed: int, embedder: Embedder
) -> Tensor:
    """(K, D) in this order, of `needed` images, or of up to MAX_KNOWN_IMAGES stored ones."""
    stored = _stored_features(folder, embedder.name, len(dataset))
    if stored is not None:
        chosen = order[: max(MAX_KNOWN_IMAGES, needed)].numpy()
        return torch.from_numpy(stored[chosen].astype(np.float32))
    parts = order[:needed].split(EMBEDDED_AT_A_TIME)
    return torch.cat([torch.from_numpy(embedder(dataset.batch(part).numpy())) for part in parts])


def _stored_features(folder: Path, embedding: str, images: int) -> np.ndarray | None:
    """The memory-mapped features; None where they are missing or of another embedding."""
    try:
        if json.loads((folder / "dataset.json").read_text()).get("embedding") != embedding:
            return None
        features: np.ndarray = np.load(folder / FEATURES_FILE, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError):
        return None
    return features if features.shape == (images, FEATURES) else None


def _noise_features(
    images: int, shape: tuple[int, int, int], embedder: Embedder, seed: int
) -> Tensor:
    random = np.random.default_rng(seed)
    starts = range(0, images, EMBEDDED_AT_A_TIME)
    parts = [min(EMBEDDED_AT_A_TIME, images - start) for start in starts]
    noise = (random.integers(0, 256, (part, *shape), np.uint8) for part in parts)
    return torch.cat([torch.from_numpy(embedder(part)) for part in noise])
