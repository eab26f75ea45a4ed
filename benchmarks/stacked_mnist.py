"""Stacked-MNIST: three random digits as the channels of one picture, 1,000 modes.

Metz et al. (arXiv 1611.02163), section 3.3.1; counted as PacGAN counts (arXiv 1712.04086).
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.digits import CLASSES, SIDE

PICTURE_SIDE = 32
MODES = CLASSES**3
BLOCK = 10_000  # pictures made at a time


@dataclass(frozen=True)
class Coverage:
    """Of a histogram over modes: how many occur, and its divergence from the uniform one."""

    counts: np.ndarray

    @property
    def covered(self) -> int:
        return int((self.counts > 0).sum())

    @property
    def shares(self) -> np.ndarray:
        shares: np.ndarray = self.counts / self.counts.sum()
        return shares

    @property
    def divergence(self) -> float:
        """KL(samples ‖ uniform) in nats: 0 where all are equally frequent, ln(modes) for one."""
        present = self.shares[self.counts > 0]
        return float((present * np.log(present * len(self.counts))).sum())


def count_digits(digits: np.ndarray) -> Coverage:
    """(N,) digits -> coverage of the ten."""
    return Coverage(np.bincount(digits, minlength=CLASSES))


def count_stacks(digits: np.ndarray) -> Coverage:
    """(N, 3) digits -> coverage of the thousand."""
    return Coverage(np.bincount(digits @ np.array([100, 10, 1]), minlength=MODES))


def inner(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) pictures of digits, 28 or 32 pixels a side -> their middle, (N, 28, 28, C)."""
    height, width = images.shape[1:3]
    if (height, width) not in ((SIDE, SIDE), (PICTURE_SIDE, PICTURE_SIDE)):
        raise ValueError(
            f"pictures of {height} × {width} are none of digits: {SIDE} × {SIDE}, or padded to "
            f"{PICTURE_SIDE} × {PICTURE_SIDE}, is what the classifier can read"
        )
    margin = (height - SIDE) // 2
    return images[:, margin : margin + SIDE, margin : margin + SIDE]


def pack(folder: Path, digits: np.ndarray, pictures: int, seed: int = 0) -> None:
    """Write a packed dataset of so many stacks of the (N, 28, 28) digits, all drawn by `seed`."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    shape = (pictures, PICTURE_SIDE, PICTURE_SIDE, 3)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, shape)
    margin = (PICTURE_SIDE - SIDE) // 2
    middle = slice(margin, margin + SIDE)
    for start in range(0, pictures, BLOCK):
        count = min(BLOCK, pictures - start)
        chosen = random.integers(len(digits), size=(count, 3))
        stacks = digits[chosen].transpose(0, 2, 3, 1)
        images[start : start + count, middle, middle] = stacks
    images.flush()
    description = {
        "images": pictures,
        "shape": list(shape[1:]),
        "classes": None,
        "horizontal_flip": False,  # a mirrored digit is none
    }
    (folder / "dataset.json").write_text(json.dumps(description, indent=1) + "\n")
