"""IDX and NumPy files for tests."""

import gzip
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.digits import read_idx


def images(count: int, *shape: int, seed: int = 0) -> np.ndarray:
    """(count, *shape) uint8 of random values: no two images are equal."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def idx(values: np.ndarray, shape: tuple[int, ...] | None = None) -> bytes:
    """An IDX file; `shape` replaces the true shape in its header."""
    shape = shape or values.shape
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape) + values.tobytes()


def first_of_idx(path: Path, count: int, folder: Path) -> Path:
    """A gzipped file of the same name in `folder`, with the first `count` items of `path`."""
    part = folder / path.name
    part.write_bytes(gzip.compress(idx(read_idx(path)[:count])))
    return part


def npy(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def npz(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path
