"""WebDataset tars: what belongs to one sample has one name, and stands together."""

import io
import tarfile
from pathlib import Path
from typing import ClassVar

from app.domain.pictures.checkpoint import ServedCheckpoint
from app.domain.pictures.recipes import recipe_text
from worker.synthesis.pictures import Picture


class TarShard:
    """SEED.png, of a conditional model SEED.cls with the number of its class, and SEED.json with
    its recipe."""

    suffix: ClassVar[str] = "tar"

    def __init__(self, path: Path, _checkpoint: ServedCheckpoint, image_format: str) -> None:
        self._format = image_format
        self._archive = tarfile.TarFile(path, "x", format=tarfile.USTAR_FORMAT)

    def add(self, picture: Picture, data: bytes) -> str:
        name = f"{picture.seed}.{self._format}"
        self._write(name, data)
        if picture.label is not None:
            self._write(f"{picture.seed}.cls", str(picture.label).encode())
        self._write(f"{picture.seed}.json", recipe_text(picture.recipe).encode())
        # tarfile keeps it for a table that a tar does not have; typeshed knows only getmembers.
        self._archive.members = []  # type: ignore[attr-defined]
        return name

    def close(self) -> None:
        self._archive.close()

    def _write(self, name: str, data: bytes) -> None:
        header = tarfile.TarInfo(name)
        header.size = len(data)
        self._archive.addfile(header, io.BytesIO(data))
