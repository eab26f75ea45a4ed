"""What the candidates of the search learn from, and the pictures that none of them sees."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.embedding.datasets import read_zip
from benchmarks.harness.moggy_training import pack
from worker.ingest.doctor.embedding_pass import embed_and_measure
from worker.ingest.doctor.near_duplicates import find_near_duplicates

HELD_OUT = {"cats": 2_000, "cifar10": 5_000}
SPLIT_SEED = 0


@dataclass(frozen=True)
class Examined:
    """(N, H, W, C) pictures with their embeddings (N, F), and which are like no other (N,)."""

    pictures: np.ndarray
    features: np.ndarray
    embedding: str
    alone: np.ndarray

    def write(self, folder: Path, places: Iterable[int]) -> None:
        """Pack the pictures at `places`, with their embeddings, as an ingest does."""
        chosen = np.sort(np.fromiter(places, int))
        pack(folder, self.pictures[chosen])
        np.save(folder / "features.npy", self.features[chosen])
        description = json.loads((folder / "dataset.json").read_text())
        description["embedding"] = self.embedding
        (folder / "dataset.json").write_text(json.dumps(description))


def prepare(folder: Path, archives: Path, name: str) -> tuple[Path, Path]:
    """The packed pictures of dataset `name` to learn from, and those held out, in `folder`."""
    held_out = f"held-out {'cifar10' if name == 'cifar10' else 'cats'}"
    if not all((folder / one / "dataset.json").exists() for one in (name, held_out)):
        DATASETS[name](folder, archives)
    return folder / name, folder / held_out


def examine(folder: Path, pictures: np.ndarray) -> Examined:
    """As the data doctor does: a picture is alone that is no near-duplicate and has none."""
    pack(folder, pictures)
    embedding, measures = embed_and_measure(folder, pictures.shape, _ignore)
    features = np.load(folder / "features.npy")
    near = find_near_duplicates(features, measures.thumbnails, True, _ignore)
    alone = ~near.repeats
    alone[near.originals[near.repeats]] = False
    return Examined(pictures, features, embedding, alone)


def _cats(folder: Path, archives: Path) -> None:
    """All cats but 2,000, which are like none of the others and none of the 3,000; these; 500."""
    few = read_zip(archives / "cats-3000.zip").images
    every = examine(folder / "every cat", read_zip(archives / "cats.zip").images)
    place_of = {picture.tobytes(): place for place, picture in enumerate(every.pictures)}
    among = np.array([place_of[picture.tobytes()] for picture in few])
    free = np.setdiff1d(np.flatnonzero(every.alone), among)
    held_out = np.random.default_rng(SPLIT_SEED).permutation(free)[: HELD_OUT["cats"]]
    every.write(folder / "cats", np.setdiff1d(np.arange(len(every.pictures)), held_out))
    every.write(folder / "cats-3000", among)
    every.write(folder / "cats-500", among[:500])
    every.write(folder / "held-out cats", held_out)


def _cifar10(folder: Path, archives: Path) -> None:
    every = examine(folder / "every cifar10", read_zip(archives / "cifar10.zip").images)
    free = np.flatnonzero(every.alone)
    held_out = np.random.default_rng(SPLIT_SEED).permutation(free)[: HELD_OUT["cifar10"]]
    every.write(folder / "cifar10", np.setdiff1d(np.arange(len(every.pictures)), held_out))
    every.write(folder / "held-out cifar10", held_out)


def _ignore(_done: int) -> None:
    """Nobody waits for it."""


DATASETS: dict[str, Callable[[Path, Path], None]] = {
    "cats": _cats,
    "cats-3000": _cats,
    "cats-500": _cats,
    "cifar10": _cifar10,
}
