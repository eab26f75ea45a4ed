"""What the embedding learns from and is measured on: CIFAR-10, cats and MNIST, in two parts."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.harness.digits import read_mnist

HELD_OUT_IMAGES = {"cifar10": 5_000, "cats": 1_000}  # MNIST has test digits of its own
UNLABELLED = -1
SPLIT_SEED = 0


@dataclass(frozen=True)
class LabelledImages:
    """Images (N, H, W, C) uint8 and labels (N,); UNLABELLED if there are no classes."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Split:
    """The images to learn from, and those held out."""

    learnt: LabelledImages
    held_out: LabelledImages


def read_sources(folder: Path) -> dict[str, Split]:
    """CIFAR-10, cats and MNIST by name; MNIST's labels start at 10, after CIFAR-10's."""
    digits = [
        LabelledImages(images[..., None], labels.astype(np.int64) + 10)
        for images, labels in (read_mnist(folder / "mnist", part) for part in ("train", "t10k"))
    ]
    return {
        "cifar10": split_off(read_zip(folder / "cifar10.zip"), HELD_OUT_IMAGES["cifar10"]),
        "cats": split_off(read_zip(folder / "cats.zip"), HELD_OUT_IMAGES["cats"]),
        "mnist": Split(*digits),
    }


def read_zip(path: Path) -> LabelledImages:
    """All images of an archive, which have one size; several folders are classes."""
    images, folders = [], []
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith((".jpg", ".png")):
                images.append(np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB")))
                folders.append(name.rpartition("/")[0])
    names = sorted(set(folders))
    labels = np.array([names.index(folder) for folder in folders])
    return LabelledImages(
        np.stack(images), labels if len(names) > 1 else np.full_like(labels, UNLABELLED)
    )


def split_off(source: LabelledImages, held_out: int) -> Split:
    """Hold out a random part, the same in every call."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(source))
    parts = [
        LabelledImages(source.images[indices], source.labels[indices])
        for indices in (order[held_out:], order[:held_out])
    ]
    return Split(*parts)
