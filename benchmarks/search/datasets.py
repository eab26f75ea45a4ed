"""The images that the candidates learn from, and the held-out ones that score them."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.embedding.datasets import read_zip
from benchmarks.harness.packed_datasets import pack
from worker.ingest.doctor.embedding_pass import embed_and_measure
from worker.ingest.doctor.near_duplicates import find_near_duplicates

HELD_OUT_IMAGES = {"cats": 2_000, "cifar10": 5_000}
SPLIT_SEED = 0


@dataclass(frozen=True)
class Examined:
    """Images (N, H, W, C), their embeddings (N, F), and which have no near-duplicate (N,)."""

    images: np.ndarray
    features: np.ndarray
    embedding: str
    unique: np.ndarray

    def write(self, folder: Path, indices: Iterable[int]) -> None:
        """Pack the images at `indices` with their embeddings, as an ingest does."""
        chosen = np.sort(np.fromiter(indices, int))
        pack(folder, self.images[chosen])
        np.save(folder / "features.npy", self.features[chosen])
        description = json.loads((folder / "dataset.json").read_text())
        description["embedding"] = self.embedding
        (folder / "dataset.json").write_text(json.dumps(description))


def prepare(folder: Path, archives: Path, name: str) -> tuple[Path, Path]:
    """The packed datasets in `folder` to learn from and held out, made if absent."""
    held_out = f"held-out {'cifar10' if name == 'cifar10' else 'cats'}"
    if not all((folder / part / "dataset.json").exists() for part in (name, held_out)):
        DATASETS[name](folder, archives)
    return folder / name, folder / held_out


def examine(folder: Path, images: np.ndarray) -> Examined:
    """Embed the images and find near-duplicates, as the data doctor does."""
    pack(folder, images)
    embedding, measures = embed_and_measure(folder, images.shape, _ignore)
    features = np.load(folder / "features.npy")
    near = find_near_duplicates(features, measures.thumbnails, True, _ignore)
    unique = ~near.repeats
    unique[near.originals[near.repeats]] = False
    return Examined(images, features, embedding, unique)


def _cats(folder: Path, archives: Path) -> None:
    """Pack all cats but 2,000 held out, the 3,000 of cats-3000, and 500 of these.

    The held-out cats have no near-duplicate and are not among the 3,000.
    """
    few = read_zip(archives / "cats-3000.zip").images
    every = examine(folder / "every cat", read_zip(archives / "cats.zip").images)
    index_of = {image.tobytes(): index for index, image in enumerate(every.images)}
    few_indices = np.array([index_of[image.tobytes()] for image in few])
    candidates = np.setdiff1d(np.flatnonzero(every.unique), few_indices)
    held_out = np.random.default_rng(SPLIT_SEED).permutation(candidates)[: HELD_OUT_IMAGES["cats"]]
    every.write(folder / "cats", np.setdiff1d(np.arange(len(every.images)), held_out))
    every.write(folder / "cats-3000", few_indices)
    every.write(folder / "cats-500", few_indices[:500])
    every.write(folder / "held-out cats", held_out)


def _cifar10(folder: Path, archives: Path) -> None:
    every = examine(folder / "every cifar10", read_zip(archives / "cifar10.zip").images)
    candidates = np.flatnonzero(every.unique)
    held_out = np.random.default_rng(SPLIT_SEED).permutation(candidates)[
        : HELD_OUT_IMAGES["cifar10"]
    ]
    every.write(folder / "cifar10", np.setdiff1d(np.arange(len(every.images)), held_out))
    every.write(folder / "held-out cifar10", held_out)


def _ignore(_done: int) -> None:
    """Discard the progress."""


DATASETS: dict[str, Callable[[Path, Path], None]] = {
    "cats": _cats,
    "cats-3000": _cats,
    "cats-500": _cats,
    "cifar10": _cifar10,
}
