"""The packed dataset: images without duplicates, their labels, a contact sheet, a content hash."""

import hashlib
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.durable_files import sync_to_disk
from worker.ingest.archives.names import FileNames
from worker.ingest.decoding.levels import Pixels
from worker.ingest.images_file import COPIED_AT_ONCE, HEADER_BYTES, ImagesFile, Shape, read_blocks
from worker.ingest.labels.labels import Labels

DIGEST_BYTES = 16
HASH_BYTES = 1 << 20  # read at a time
PREVIEW_IMAGES = 64
WHITE, SHADE = 255, 204  # of the checkerboard behind transparent images
SQUARE = 8  # pixels of its squares


@dataclass(frozen=True)
class Packed:
    """A finished pack, with the fields of the `finished` event."""

    images: int
    shape: list[int]
    classes: list[str] | None
    horizontal_flip: bool  # a mirrored image is as good as the image
    content_hash: str
    bytes: int


class Pack:
    """A packed dataset that is being written: call `add`, then `seal`, then `finish`.

    It is written into a folder beside its own, which is renamed when it is complete.

    A duplicate has the same pixels as an earlier image, at the size of the dataset: for example a
    copy of a file, or a lossless copy in another format.
    """

    def __init__(self, folder: Path) -> None:
        self._target = folder
        self.folder = folder.with_name(f"{folder.name}.partial")
        for old in (self._target, self.folder):
            shutil.rmtree(old, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._images = ImagesFile(self.folder / "images.npy")
        self.names = FileNames(self.folder / "names.txt")
        self.labels = Labels()
        self._indices: dict[bytes, int] = {}  # of each image, by the digest of its pixels
        self.contradicted = 0  # duplicates in another class than the image that they repeat

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._images.close()
        self.names.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __len__(self) -> int:
        return self._images.count

    @property
    def shape(self) -> Shape:
        return self._images.shape

    def add(self, pixels: Pixels, class_name: str | None, file_name: str) -> tuple[int, bool]:
        """Add an image; return its index and True, or for a duplicate the index of the image that
        it repeats and False.

        A duplicate gives its class to an image that has none.
        """
        digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=DIGEST_BYTES)
        digest.update(bytes([pixels.shape[2]]))
        index = self._indices.setdefault(digest.digest(), len(self))
        if index < len(self):
            self.contradicted += not self.labels.fill(index, class_name)
            return index, False
        self._images.append(pixels)
        self.labels.add(class_name)
        self.names.add(file_name)
        return index, True

    def seal(self) -> None:
        """Complete images.npy, after the last image was added."""
        self._images.finish()
        self._indices.clear()

    def keep(self, kept: NDArray[np.bool_], tick: Callable[[], None]) -> None:
        """Remove the images for which `kept` (N,) is False from a sealed pack.

        They are removed from features.npy too, if there is one.
        """
        path = self.folder / "images.npy"
        shape = self._images.shape
        unfiltered = path.rename(path.with_suffix(".whole"))
        self._images = ImagesFile(path)
        start = 0
        for block in read_blocks(unfiltered, shape, COPIED_AT_ONCE):
            for pixels in block[kept[start : start + len(block)]]:
                self._images.append(pixels)
            start += len(block)
            tick()
        unfiltered.unlink()
        self._images.finish()
        self.labels.keep(kept)
        self.names.keep(kept)
        features = self.folder / "features.npy"
        if features.exists():
            np.save(features, np.load(features)[kept])

    def finish(
        self, horizontal_flip: bool, details: dict[str, Any], tick: Callable[[], None]
    ) -> Packed:
        """Complete the folder; `details` is added to dataset.json. `tick` may raise to stop."""
        path = self.folder / "images.npy"
        classes, labels = self.labels.numbered()
        if labels is not None:
            np.save(self.folder / "labels.npy", labels)
        shape = self.shape
        content_hash = _hash(path, shape, classes, labels, tick)
        write_preview(np.load(path, mmap_mode="r"), self.folder / "preview.png")
        description: dict[str, Any] = {
            "images": shape[0],
            "shape": shape[1:],
            "classes": classes,
            "horizontal_flip": horizontal_flip,
            "content_hash": content_hash,
        }
        description |= details
        (self.folder / "dataset.json").write_text(json.dumps(description, indent=1) + "\n")
        self.names.close()
        size = sum(sync_to_disk(file) for file in self.folder.iterdir())
        sync_to_disk(self.folder)
        self.folder.rename(self._target)
        sync_to_disk(self._target.parent)
        return Packed(shape[0], list(shape[1:]), classes, horizontal_flip, content_hash, size)


def write_preview(images: np.ndarray, path: Path) -> None:
    """Write up to 64 of the images (N, H, W, C), evenly spaced, to a PNG as a contact sheet.

    The sheet is about square, whatever the shape of the images. Unused cells are white.
    """
    chosen = np.linspace(0, len(images) - 1, min(len(images), PREVIEW_IMAGES)).round().astype(int)
    height, width, channels = images.shape[1:]
    columns = min(len(chosen), max(1, math.ceil(math.sqrt(len(chosen) * height / width))))
    rows = math.ceil(len(chosen) / columns)
    sheet = np.full((rows * height, columns * width, channels), WHITE, np.uint8)
    for cell, index in enumerate(chosen):
        top, left = cell // columns * height, cell % columns * width
        sheet[top : top + height, left : left + width] = images[index]
    preview = Image.fromarray(sheet[..., 0] if channels == 1 else sheet)
    if channels == 4:
        preview = Image.alpha_composite(_checkerboard(preview.size), preview).convert("RGB")
    preview.save(path, "PNG")


def _checkerboard(size: tuple[int, int]) -> Image.Image:
    width, height = size
    squares = np.add.outer(np.arange(height) // SQUARE, np.arange(width) // SQUARE) % 2
    return Image.fromarray(np.where(squares, SHADE, WHITE).astype(np.uint8)).convert("RGBA")


def _hash(
    images: Path,
    shape: tuple[int, ...],
    classes: list[str] | None,
    labels: np.ndarray | None,
    tick: Callable[[], None],
) -> str:
    """Return the SHA-256 of the shape, the classes, the pixels and the labels."""
    digest = hashlib.sha256(json.dumps([shape, classes]).encode())
    with images.open("rb") as file:
        file.seek(HEADER_BYTES)
        while block := file.read(HASH_BYTES):
            digest.update(block)
            tick()
    if labels is not None:
        digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()
