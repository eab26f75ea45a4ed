"""The packed dataset: pictures without their duplicates, labels, a hash of it all."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from worker.ingest.archives.names import FileNames
from worker.ingest.decoding.levels import Pixels
from worker.ingest.images_file import COPY_PICTURES, HEADER_BYTES, ImagesFile, Shape, read_blocks
from worker.ingest.labels.labels import Labels
from worker.ingest.preview import write_preview

DIGEST_BYTES = 16
HASH_BYTES = 1 << 20


@dataclass(frozen=True)
class Packed:
    """What was written, as the `finished` event tells it."""

    images: int
    shape: list[int]
    classes: list[str] | None
    horizontal_flip: bool  # a mirrored picture is as good as the picture
    content_hash: str
    bytes: int


class Pack:
    """Written into a folder beside its own and renamed when whole: `add`, `seal`, `finish`.

    A duplicate has the same pixels once packed. That holds for every copy of a file, and for its
    lossless copies in another format; it is what matters to whoever learns from the pixels.
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
        self._seen: dict[bytes, int] = {}  # the place of each picture by its pixels
        self.contradicted = 0  # duplicates in another class than the picture that they repeat

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
        """The picture's place, and whether it is new. A duplicate is left out: the place is that of
        the picture that it repeats, which takes its class where it has none."""
        digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=DIGEST_BYTES)
        digest.update(bytes([pixels.shape[2]]))
        place = self._seen.setdefault(digest.digest(), len(self))
        if place < len(self):
            self.contradicted += not self.labels.fill(place, class_name)
            return place, False
        self._images.append(pixels)
        self.labels.add(class_name)
        self.names.add(file_name)
        return place, True

    def seal(self) -> None:
        """After the last picture: images.npy can be read."""
        self._images.finish()
        self._seen.clear()

    def keep(self, kept: NDArray[np.bool_], tick: Callable[[], None]) -> None:
        """Leave out of a sealed pack, and of its features.npy where it was examined, the pictures
        that are not kept."""
        path = self.folder / "images.npy"
        shape = self._images.shape
        whole = path.rename(path.with_suffix(".whole"))
        self._images = ImagesFile(path)
        start = 0
        for block in read_blocks(whole, shape, COPY_PICTURES):
            for pixels in block[kept[start : start + len(block)]]:
                self._images.append(pixels)
            start += len(block)
            tick()
        whole.unlink()
        self._images.finish()
        self.labels.keep(kept)
        self.names.keep(kept)
        features = self.folder / "features.npy"
        if features.exists():
            np.save(features, np.load(features)[kept])

    def finish(
        self, horizontal_flip: bool, described: dict[str, Any], tick: Callable[[], None]
    ) -> Packed:
        """Complete the folder; `described` goes into dataset.json. `tick` may raise to stop."""
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
        description |= described
        (self.folder / "dataset.json").write_text(json.dumps(description, indent=1) + "\n")
        self.names.close()
        size = sum(_sync(file) for file in self.folder.iterdir())
        _sync(self.folder)
        self.folder.rename(self._target)
        _sync(self._target.parent)
        return Packed(shape[0], list(shape[1:]), classes, horizontal_flip, content_hash, size)


def _hash(
    images: Path,
    shape: tuple[int, ...],
    classes: list[str] | None,
    labels: np.ndarray | None,
    tick: Callable[[], None],
) -> str:
    """SHA-256 over shape and classes, pixels, labels."""
    digest = hashlib.sha256(json.dumps([shape, classes]).encode())
    with images.open("rb") as file:
        file.seek(HEADER_BYTES)
        while block := file.read(HASH_BYTES):
            digest.update(block)
            tick()
    if labels is not None:
        digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()


def _sync(path: Path) -> int:
    """Have a file or folder on the disk; its bytes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
