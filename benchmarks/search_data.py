"""What the candidates of the search learn from, and the pictures that none of them sees."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.embedding_data import read_zip
from benchmarks.ours import pack

HELD_OUT = {"cats": 2_000, "cifar10": 5_000}
SPLIT_SEED = 0


def prepare(folder: Path, archives: Path, name: str) -> tuple[Path, Path]:
    """The packed pictures of dataset `name` to learn from, and those held out, in `folder`."""
    learnt, held_out = folder / name, folder / HELD_OUT_OF[name]
    if not ((learnt / "dataset.json").exists() and (held_out / "dataset.json").exists()):
        for place, pictures in DATASETS[name](archives).items():
            if not (folder / place / "dataset.json").exists():
                pack(folder / place, pictures)
    return learnt, held_out


def _cats(archives: Path) -> dict[str, np.ndarray]:
    """All cats but 2,000, which are none of the 3,000 either, and of these all and 500."""
    few = read_zip(archives / "cats-3000.zip").images
    every = read_zip(archives / "cats.zip").images
    among = {picture.tobytes() for picture in few}
    free = np.array([place for place, one in enumerate(every) if one.tobytes() not in among])
    held_out = np.random.default_rng(SPLIT_SEED).permutation(free)[: HELD_OUT["cats"]]
    learnt = np.setdiff1d(np.arange(len(every)), held_out)
    return {
        "cats": every[learnt],
        "cats-3000": few,
        "cats-500": few[:500],
        "held-out cats": every[held_out],
    }


def _cifar10(archives: Path) -> dict[str, np.ndarray]:
    pictures = read_zip(archives / "cifar10.zip").images
    order = np.random.default_rng(SPLIT_SEED).permutation(len(pictures))
    count = HELD_OUT["cifar10"]
    return {
        "cifar10": pictures[np.sort(order[count:])],
        "held-out cifar10": pictures[np.sort(order[:count])],
    }


DATASETS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    "cats": _cats,
    "cats-3000": _cats,
    "cats-500": _cats,
    "cifar10": _cifar10,
}
HELD_OUT_OF = {
    name: "held-out cifar10" if name == "cifar10" else "held-out cats" for name in DATASETS
}
