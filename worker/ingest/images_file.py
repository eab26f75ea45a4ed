"""images.npy, written picture by picture: uint8 (N, H, W, C) with N known only at the end."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from worker.ingest.decoding.levels import Pixels

HEADER_BYTES = 128
MAGIC = b"\x93NUMPY\x01\x00"
COPY_PICTURES = 256

Shape = tuple[int, int, int, int]  # pictures, height, width, channels


def read_blocks(path: Path, shape: Shape, pictures: int) -> Iterator[Pixels]:
    """A whole images.npy of this shape in order, (at most `pictures`, H, W, C) at a time.

    Read, not mapped: what was mapped would count as this process's memory.
    """
    size = shape[1] * shape[2] * shape[3]
    with path.open("rb") as file:
        file.seek(HEADER_BYTES)
        for start in range(0, shape[0], pictures):
            count = min(pictures, shape[0] - start)
            yield np.fromfile(file, np.uint8, count * size).reshape(count, *shape[1:])


class ImagesFile:
    """An npy file whose header has a fixed length and is filled in by `finish`.

    Grey pictures are kept in one channel until the first that needs three.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = path.open("wb")
        self._file.write(bytes(HEADER_BYTES))
        self._picture_shape: tuple[int, int, int] | None = None
        self.count = 0

    @property
    def shape(self) -> Shape:
        assert self._picture_shape is not None, "empty"
        return (self.count, *self._picture_shape)

    def append(self, pixels: Pixels) -> None:
        height, width, channels = pixels.shape
        if self._picture_shape is None:
            self._picture_shape = (height, width, channels)
        kept = self._picture_shape[2]
        if channels > kept:
            self._widen(channels)
        elif channels < kept:
            pixels = np.repeat(pixels, kept, axis=2)
        self._file.write(np.ascontiguousarray(pixels).data)
        self.count += 1

    def close(self) -> None:
        self._file.close()

    def finish(self) -> None:
        """Write the header."""
        header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {self.shape}, }}"
        length = HEADER_BYTES - len(MAGIC) - 2
        self._file.seek(0)
        self._file.write(MAGIC + length.to_bytes(2, "little"))
        self._file.write(header.ljust(length - 1).encode() + b"\n")
        self._file.close()

    def _widen(self, channels: int) -> None:
        """Repeat the one channel of every picture so far."""
        height, width, _ = self.shape[1:]
        self._file.close()
        narrow = self._path.with_suffix(".narrow")
        self._path.rename(narrow)
        self._file = self._path.open("wb")
        self._file.write(bytes(HEADER_BYTES))
        with narrow.open("rb") as grey:
            grey.seek(HEADER_BYTES)
            while block := grey.read(COPY_PICTURES * height * width):
                pixels = np.frombuffer(block, np.uint8)
                self._file.write(np.repeat(pixels, channels).data)
        narrow.unlink()
        self._picture_shape = (height, width, channels)
