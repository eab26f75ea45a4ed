"""Packed datasets for benchmarks: of random images, or of the JPEGs of an archive."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np


def random_images(count: int, shape: tuple[int, ...]) -> np.ndarray:
    """(count, H, W, C) uint8 noise: the speed of a step does not depend on the images."""
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def decode_jpegs(archive: Path, count: int | None = None) -> np.ndarray:
    """(N, H, W, 3) uint8 of the JPEGs in the archive, or of the first `count` of them."""
    from PIL import Image  # not loaded where only memory is measured

    with zipfile.ZipFile(archive) as file:
        names = [name for name in file.namelist() if name.endswith(".jpg")][:count]
        images = [Image.open(io.BytesIO(file.read(name))).convert("RGB") for name in names]
    return np.stack([np.asarray(image) for image in images])


def pack(folder: Path, images: np.ndarray) -> None:
    """Write a packed dataset."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "images.npy", images)
    description = {
        "images": len(images),
        "shape": list(images.shape[1:]),
        "classes": None,
        "horizontal_flip": True,
    }
    (folder / "dataset.json").write_text(json.dumps(description))
