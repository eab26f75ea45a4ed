"""Zips of pictures, flat, or with a folder for each class."""

import re
import unicodedata
import zipfile
from pathlib import Path
from typing import ClassVar

from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.images.encoders import ZIP_EPOCH
from worker.synthesis.images import Picture

# Of which a folder's name has none: it would be another folder, or no name, on some system.
UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]|^\.{0,2}$|[. ]$')
# What Windows takes for a device, whatever follows its first dot.
RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)", re.IGNORECASE
)
MAX_NAME_BYTES = 200


class ZipShard:
    """SEED.png and so on."""

    suffix: ClassVar[str] = "zip"

    def __init__(self, path: Path, _checkpoint: ServedCheckpoint, image_format: str) -> None:
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

    def __init__(self, path: Path, checkpoint: ServedCheckpoint, image_format: str) -> None:
        super().__init__(path, checkpoint, image_format)
        self._folders = folder_names(checkpoint.classes or (checkpoint.model,))

    def _folder(self, label: int | None) -> str:
        return f"{self._folders[label or 0]}/"


def folder_names(classes: tuple[str, ...]) -> tuple[str, ...]:
    """A folder for each class, no two the same on any system: its name, or where that can be no
    folder's or is one already, `class-N` by its number."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    for label, name in enumerate(classes):
        if _is_folder_name(name) and _folded(name) not in taken:
            names[label] = name
            taken.add(_folded(name))
    for label in range(len(classes)):
        if label not in names:
            names[label] = f"class-{label}"
            while names[label] in taken:  # by a class of that name
                names[label] += "_"
            taken.add(names[label])
    return tuple(names[label] for label in range(len(classes)))


def _is_folder_name(name: str) -> bool:
    if UNSAFE.search(name) or RESERVED.match(name):
        return False
    return len(name.encode()) <= MAX_NAME_BYTES


def _folded(name: str) -> str:
    """The same for names that are one folder's on macOS or Windows."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
