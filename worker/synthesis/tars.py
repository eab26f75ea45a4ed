"""WebDataset tars: what belongs to one sample has one name, and stands together."""

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
        self._file = path.open("xb")

    def add(self, picture: Picture, data: bytes) -> str:
        name = f"{picture.seed}.{self._format}"
        self._write(name, data)
        if picture.label is not None:
            self._write(f"{picture.seed}.cls", str(picture.label).encode())
        self._write(f"{picture.seed}.json", recipe_text(picture.recipe).encode())
        return name

    def close(self) -> None:
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))  # the end mark
        self._file.write(bytes(-self._file.tell() % tarfile.RECORDSIZE))
        self._file.close()

    def _write(self, name: str, data: bytes) -> None:
        """One member. A whole TarFile would copy each header, and keep all of them."""
        header = tarfile.TarInfo(name)
        header.size = len(data)
        self._file.write(header.tobuf(tarfile.USTAR_FORMAT))
        self._file.write(data)
        self._file.write(bytes(-len(data) % tarfile.BLOCKSIZE))
