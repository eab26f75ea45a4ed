"""The packed dataset: pictures without their duplicates, labels, a hash of it all."""

import hashlib
import json
import os
import shutil
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Self

import numpy as np

from worker.ingest.fitting import Pixels
from worker.ingest.images_file import HEADER_BYTES, ImagesFile
from worker.ingest.mirroring import is_mirrorable
from worker.ingest.preview import write_preview
from worker.ingest.report import Report

DIGEST_BYTES = 16
HASH_BYTES = 1 << 20
MAX_CLASSES = 10_000  # beyond it folders are how somebody files pictures, one in each
NO_CLASS = -1
MAX_DIGITS = 15


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
    """Written into a folder beside its own and renamed when whole.

    A duplicate has the same pixels once packed. That holds for every copy of a file, and for its
    lossless copies in another format; it is what matters to whoever learns from the pixels.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._partial = folder.with_name(f"{folder.name}.partial")
        for old in (self._folder, self._partial):
            shutil.rmtree(old, ignore_errors=True)
        self._partial.mkdir(parents=True)
        self._images = ImagesFile(self._partial / "images.npy")
        self._seen: set[bytes] = set()
        self._class_numbers: dict[str, int] = {}
        self._classes = array("l")  # of each picture, the number of its class

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._images.close()
        shutil.rmtree(self._partial, ignore_errors=True)

    def __len__(self) -> int:
        return self._images.count

    def add(self, pixels: Pixels, class_name: str | None) -> bool:
        """False for a duplicate, which is left out."""
        digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=DIGEST_BYTES)
        digest.update(bytes([pixels.shape[2]]))
        if digest.digest() in self._seen:
            return False
        self._seen.add(digest.digest())
        self._images.append(pixels)
        number = NO_CLASS
        if class_name is not None:
            number = self._class_numbers.setdefault(class_name, len(self._class_numbers))
        self._classes.append(number)
        return True

    def finish(
        self, report: Report, horizontal_flip: bool | None, tick: Callable[[], None]
    ) -> Packed:
        """Complete the folder; `tick` may raise to stop on the way.

        Where `horizontal_flip` is None, the pictures decide.
        """
        self._images.finish()
        path = self._partial / "images.npy"
        classes, labels = self._labels()
        if labels is not None:
            np.save(self._partial / "labels.npy", labels)
        shape = self._images.shape
        content_hash = _hash(path, shape, classes, labels, tick)
        if horizontal_flip is None:
            horizontal_flip = is_mirrorable(path, shape)
        write_preview(np.load(path, mmap_mode="r"), self._partial / "preview.png")
        description: dict[str, Any] = {
            "images": shape[0],
            "shape": shape[1:],
            "classes": classes,
            "horizontal_flip": horizontal_flip,
            "content_hash": content_hash,
            "report": report.to_json(),
        }
        (self._partial / "dataset.json").write_text(json.dumps(description, indent=1) + "\n")
        size = sum(_sync(file) for file in self._partial.iterdir())
        _sync(self._partial)
        self._partial.rename(self._folder)
        _sync(self._folder.parent)
        return Packed(shape[0], list(shape[1:]), classes, horizontal_flip, content_hash, size)

    def _labels(self) -> tuple[list[str] | None, np.ndarray | None]:
        """Names in order and an int64 label of each picture, where every picture has a class and
        there are at least two, and not so many that they are no classes; else neither."""
        names = sorted(self._class_numbers, key=_order)
        numbers = np.asarray(self._classes, np.int64)
        if not 2 <= len(names) <= MAX_CLASSES or NO_CLASS in numbers:
            return None, None
        label_of = np.empty(len(names), np.int64)
        for label, name in enumerate(names):
            label_of[self._class_numbers[name]] = label
        return names, label_of[numbers]


def _order(name: str) -> tuple[float, str]:
    """Numbers by their value, before words."""
    is_number = name.isascii() and name.isdigit()
    return (int(name), name) if is_number and len(name) <= MAX_DIGITS else (inf, name)


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
