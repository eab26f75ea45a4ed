"""Real images for tests: cats and digits, read from the shared data."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.harness.digits import read_idx


def cats(shared_data: Path, count: int, first: int = 0) -> np.ndarray:
    """(count, 64, 64, 3) uint8, beginning with the image at index `first`."""
    with zipfile.ZipFile(shared_data / "cats-3000.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        images = [
            Image.open(io.BytesIO(archive.read(name))) for name in names[first : first + count]
        ]
        return np.stack([np.asarray(image.convert("RGB")) for image in images])


def every_nth(archive: Path, step: int, target: Path) -> Path:
    """Write a zip with every `step`-th file of another, in order; return its path."""
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(target, "w") as part:
        for name in [name for name in whole.namelist() if not name.endswith("/")][::step]:
            part.writestr(name, whole.read(name))
    return target


def digits(shared_data: Path, count: int) -> np.ndarray:
    """(count, 28, 28) uint8."""
    return read_idx(shared_data / "mnist" / "t10k-images-idx3-ubyte.gz")[:count]


def digits_by_class(shared_data: Path, of_each: int) -> np.ndarray:
    """(10, of_each, 28, 28, 1) uint8."""
    images = digits(shared_data, 10_000)[..., None]
    labels = read_idx(shared_data / "mnist" / "t10k-labels-idx1-ubyte.gz")
    return np.stack([images[labels == digit][:of_each] for digit in range(10)])
