"""What the embedding learns from and is measured on: CIFAR-10, cats and MNIST, in two parts."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.harness.digits import read_mnist

HELD_OUT = {"cifar10": 5_000, "cats": 1_000}  # MNIST has test digits of its own
UNLABELLED = -1
SPLIT_SEED = 0


@dataclass(frozen=True)
class Pictures:
    """(N, H, W, C) uint8 and (N,) labels, UNLABELLED where there are no classes."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Split:
    """What is learnt from, and what is not."""

    learnt: Pictures
    held_out: Pictures


def read_sources(folder: Path) -> dict[str, Split]:
    """CIFAR-10, cats and MNIST by name; labels count on from one source to the next."""
    digits = [
        Pictures(images[..., None], labels.astype(np.int64) + 10)
        for images, labels in (read_mnist(folder / "mnist", part) for part in ("train", "t10k"))
    ]
    return {
        "cifar10": divided(read_zip(folder / "cifar10.zip"), HELD_OUT["cifar10"]),
        "cats": divided(read_zip(folder / "cats.zip"), HELD_OUT["cats"]),
        "mnist": Split(*digits),
    }


def read_zip(path: Path) -> Pictures:
    """Every picture of one size; the folder is the class where there are several folders."""
    images, folders = [], []
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith((".jpg", ".png")):
                images.append(np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB")))
                folders.append(name.rpartition("/")[0])
    names = sorted(set(folders))
    labels = np.array([names.index(folder) for folder in folders])
    return Pictures(
        np.stack(images), labels if len(names) > 1 else np.full_like(labels, UNLABELLED)
    )


def divided(pictures: Pictures, held_out: int) -> Split:
    """A random part held out, the same one every time."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(pictures))
    parts = [
        Pictures(pictures.images[places], pictures.labels[places])
        for places in (order[held_out:], order[:held_out])
    ]
    return Split(*parts)
