"""Zips of pictures, flat, or with a folder for each class."""

import re
import zipfile
from pathlib import Path
from typing import ClassVar

from app.domain.pictures.checkpoint import ServedCheckpoint
from app.domain.pictures.encoders import ZIP_EPOCH
from worker.synthesis.pictures import Picture

# Of which a folder's name has none: it would be another folder, or no name, on some system.
UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]|^\.{0,2}$|[. ]$')
MAX_NAME_BYTES = 200


class ZipShard:
    """SEED.png and so on."""

    suffix: ClassVar[str] = "zip"

    def __init__(self, path: Path, checkpoint: ServedCheckpoint, image_format: str) -> None:
        self._checkpoint = checkpoint
        self._format = image_format
        # Stored as they are: pictures do not shrink any more.
        self._archive = zipfile.ZipFile(path, "x", zipfile.ZIP_STORED)

    def add(self, picture: Picture, data: bytes) -> str:
        name = f"{self._folder(picture.label)}{picture.seed}.{self._format}"
        self._archive.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), data)
        return name

    def close(self) -> None:
        self._archive.close()

    def _folder(self, _label: int | None) -> str:
        return ""


class FolderShard(ZipShard):
    """CLASS/SEED.png: all shards unpacked in one place are what torchvision calls an ImageFolder.

    Without classes there is one folder, of the model's name.
    """

    def _folder(self, label: int | None) -> str:
        if label is None:
            return f"{self._checkpoint.model}/"
        return f"{folder_name(self._checkpoint.classes[label], label)}/"


def folder_name(class_name: str, label: int) -> str:
    """The class's name, or where that can be no folder's, one made from its number."""
    if UNSAFE.search(class_name) or len(class_name.encode()) > MAX_NAME_BYTES:
        return f"class-{label}"
    return class_name
