"""The headers of IDX (http://yann.lecun.com/exdb/mnist) and NumPy files (NEP 1)."""

import io
import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.lib import format as npy

from worker.ingest.archives.signatures import NPY, array_format
from worker.ingest.archives.streams import Readable, read_exactly
from worker.ingest.errors import Rejected

IDX_TYPES = {8: "u1", 9: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_NPY_HEADER_BYTES = 10_000
LABEL_KINDS = "iu"
VALUE_KINDS = "buif"  # of an image: booleans, whole and decimal numbers


@dataclass(frozen=True)
class ArrayHeader:
    """The shape and type of the values, which begin `start` bytes into the file, in C order."""

    shape: tuple[int, ...]
    dtype: np.dtype
    start: int

    @property
    def count(self) -> int:
        return self.shape[0]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one image; C is 1 where the array has no axis of channels."""
        height, width, *channels = self.shape[1:]
        return height, width, channels[0] if channels else 1

    @property
    def bytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)

    @property
    def is_labels(self) -> bool:
        """Whether the array has one number for each image."""
        return len(self.shape) == 1 or (len(self.shape) == 2 and self.shape[1] == 1)

    def check(self) -> None:
        """Raise Rejected unless the values can be images or labels."""
        if self.dtype.hasobject:
            raise Rejected("pickled objects: they can hold any program and are never read")
        if self.is_labels:
            if self.dtype.kind not in LABEL_KINDS:
                raise Rejected(f"not labels: {self.dtype}; labels are whole numbers")
        elif len(self.shape) not in (3, 4):
            raise Rejected(
                f"not pictures: shape {_text(self.shape)}; pictures are (N, height, width) or "
                "(N, height, width, channels), labels (N,)"
            )
        elif self.dtype.kind not in VALUE_KINDS:
            raise Rejected(
                f"not pictures: {self.dtype}; scale the values to 0 … 255 and save them as uint8"
            )
        elif self.image_shape[2] not in (1, 3, 4):
            hint = "; move the channels last" if self.shape[1] in (1, 3, 4) else ""
            raise Rejected(
                f"not pictures: shape {_text(self.shape)}; the last of four is the channels, "
                f"1, 3 or 4{hint}"
            )
        if 0 in self.shape:
            raise Rejected("empty: it holds no values")


def read_header(stream: Readable) -> ArrayHeader:
    """The header of the array at the start of `stream`. Raises Rejected for an unusable one."""
    start = read_exactly(stream, 4)
    is_idx = array_format(bytes(start)) == "idx"
    header = _read_idx(start, stream) if is_idx else _read_npy(start, stream)
    header.check()
    return header


def _read_idx(start: bytearray, stream: Readable) -> ArrayHeader:
    dimensions = start[3]
    sizes = read_exactly(stream, 4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise Rejected("truncated: the file ends within its header")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    return ArrayHeader(shape, np.dtype(IDX_TYPES[start[2]]), 4 + len(sizes))


def _read_npy(start: bytearray, stream: Readable) -> ArrayHeader:
    start += read_exactly(stream, npy.MAGIC_LEN - len(start))
    version = bytes(start[6:8])
    width = {b"\1\0": 2, b"\2\0": 4}.get(version)
    if not start.startswith(NPY) or width is None:
        raise Rejected("damaged: a NumPy array with an unknown kind of header")
    start += read_exactly(stream, width)
    # NumPy's reader reads a header of any length before it checks the length.
    length = int.from_bytes(start[npy.MAGIC_LEN :], "little")
    if length > MAX_NPY_HEADER_BYTES:
        raise Rejected(f"damaged: its header claims {length:,} bytes")
    start += read_exactly(stream, length)
    shape, is_fortran, dtype = _parse_npy(bytes(start), is_wide=width == 4)
    if is_fortran and len(shape) > 1:
        raise Rejected("in Fortran order: save numpy.ascontiguousarray of it")
    if not shape or any(type(side) is not int or side < 0 for side in shape):
        raise Rejected(f"not pictures: shape {_text(shape)}")
    return ArrayHeader(shape, dtype, len(start))


def _parse_npy(header: bytes, *, is_wide: bool) -> tuple[tuple[int, ...], bool, np.dtype]:
    """(shape, is Fortran order, dtype) by NumPy's parser, which evaluates only literals."""
    file = io.BytesIO(header)
    file.seek(npy.MAGIC_LEN)
    read = npy.read_array_header_2_0 if is_wide else npy.read_array_header_1_0
    try:
        with warnings.catch_warnings(action="ignore"):  # for headers written by Python 2
            return read(file, MAX_NPY_HEADER_BYTES)
    except Exception as error:  # Python's tokenizer raises errors of many kinds
        raise Rejected("damaged: the header of the array cannot be read") from error


def _text(shape: tuple[int, ...]) -> str:
    return f"({', '.join(str(side) for side in shape[:8])})"
