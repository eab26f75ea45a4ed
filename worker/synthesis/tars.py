"""WebDataset tars: what belongs to one sample has one name, and stands together."""

import tarfile
from pathlib import Path
from typing import ClassVar

from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.images.recipes import recipe_text
from worker.synthesis.images import Picture

# What tarfile writes around name, size and checksum (POSIX.1-1988, ustar).
_EMPTY = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)
OWNER, TIME, SPACES, REST = _EMPTY[100:124], _EMPTY[136:148], b" " * 8, _EMPTY[156:]


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
        padding = bytes(-len(data) % tarfile.BLOCKSIZE)
        self._file.write(b"".join((header(name, len(data)), data, padding)))


def header(name: str, size: int) -> bytes:
    """That of a member, its name ASCII and at most 100 long: tarfile's bytes in a fifth of the
    time, which a picture has two or three of."""
    filled = b"".join(
        (name.encode("ascii").ljust(100, b"\0"), OWNER, b"%011o\0" % size, TIME, SPACES, REST)
    )
    return filled[:148] + b"%06o\0 " % sum(filled) + filled[156:]
