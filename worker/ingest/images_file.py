"""images.npy, uint8 (N, H, W, C), written image by image while N is unknown."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib.format import write_array_header_1_0

from worker.ingest.decoding.levels import Pixels

HEADER_BYTES = 128  # NumPy pads its header: N of any size fits
COPIED_AT_ONCE = 256  # images

Shape = tuple[int, int, int, int]  # images, height, width, channels


def read_blocks(path: Path, shape: Shape, images: int) -> Iterator[Pixels]:
    """All of an images.npy in order, in blocks (at most `images`, H, W, C).

    The file is read and not mapped: mapped pages would count as memory of this process.
    """
    size = shape[1] * shape[2] * shape[3]
    with path.open("rb") as file:
        file.seek(HEADER_BYTES)
        for start in range(0, shape[0], images):
            count = min(images, shape[0] - start)
            yield np.fromfile(file, np.uint8, count * size).reshape(count, *shape[1:])


class ImagesFile:
    """An npy file whose header is written last, by `finish`.

    Grey images have one channel until the first image with more channels is appended.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = path.open("wb")
        self._file.write(bytes(HEADER_BYTES))
        self._image_shape: tuple[int, int, int] | None = None
        self.count = 0

    @property
    def shape(self) -> Shape:
        assert self._image_shape is not None, "empty"
        return (self.count, *self._image_shape)

    def append(self, pixels: Pixels) -> None:
        height, width, channels = pixels.shape
        if self._image_shape is None:
            self._image_shape = (height, width, channels)
        stored = self._image_shape[2]
        if channels > stored:
            self._widen(channels)
        elif channels < stored:
            pixels = np.repeat(pixels, stored, axis=2)
        self._file.write(np.ascontiguousarray(pixels).data)
        self.count += 1

    def close(self) -> None:
        self._file.close()

    def finish(self) -> None:
        """Write the header."""
        self._file.seek(0)
        header = {"descr": "|u1", "fortran_order": False, "shape": self.shape}
        write_array_header_1_0(self._file, header)
        assert self._file.tell() == HEADER_BYTES, "the header has another length"
        self._file.close()

    def _widen(self, channels: int) -> None:
        """Repeat the single channel of every image written before."""
        height, width, _ = self.shape[1:]
        self._file.close()
        narrow = self._path.with_suffix(".narrow")
        self._path.rename(narrow)
        self._file = self._path.open("wb")
        self._file.write(bytes(HEADER_BYTES))
        with narrow.open("rb") as grey:
            grey.seek(HEADER_BYTES)
            while block := grey.read(COPIED_AT_ONCE * height * width):
                pixels = np.frombuffer(block, np.uint8)
                self._file.write(np.repeat(pixels, channels).data)
        narrow.unlink()
        self._image_shape = (height, width, channels)
