"""Real pictures for tests: cats and digits, read from the shared data."""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def cats(shared_data: Path, count: int, first: int = 0) -> np.ndarray:
    """(count, 64, 64, 3) uint8, from the place `first` on."""
    with zipfile.ZipFile(shared_data / "cats-3000.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        pictures = [
            Image.open(io.BytesIO(archive.read(name))) for name in names[first : first + count]
        ]
        return np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])


def digits(shared_data: Path, count: int) -> np.ndarray:
    """(count, 28, 28) uint8."""
    return _idx(shared_data / "mnist" / "t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)[:count]


def digits_by_class(shared_data: Path, of_each: int) -> np.ndarray:
    """(10, of_each, 28, 28, 1) uint8."""
    pictures = digits(shared_data, 10_000)[..., None]
    labels = _idx(shared_data / "mnist" / "t10k-labels-idx1-ubyte.gz", 8)
    return np.stack([pictures[labels == digit][:of_each] for digit in range(10)])


def _idx(path: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)
