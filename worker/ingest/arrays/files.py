"""IDX and NumPy files of images: verified as a whole, then streamed."""

import math
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np

from worker.ingest.archives.members import Member
from worker.ingest.archives.names import parts_of
from worker.ingest.archives.streams import Readable, read_exactly
from worker.ingest.arrays.headers import ArrayHeader, read_header
from worker.ingest.class_values import class_of
from worker.ingest.decoding.fitting import check_pixels, check_size
from worker.ingest.decoding.levels import Levels, Span, Values, depth_of, span_of
from worker.ingest.errors import BrokenArchive, Rejected, rejection_reason
from worker.ingest.limits import Meter
from worker.ingest.request import IngestRequest

BLOCK_BYTES = 1 << 20
# The words of a name that say what the array holds, not to which images it belongs.
ROLE = re.compile(r"images?|imgs?|labels?|targets?|class(es)?|data|[xy]|idx\d?|u?byte|gz|npy|")


@dataclass(frozen=True)
class ArrayImage:
    """One image of an array, in the array's own shape; its name is like train.npy[17].

    `span` is the range of its values and of those around it in the array.
    """

    name: str
    position: int  # offset in the source, in bytes, for the progress
    values: Values
    span: Span
    label: str | None
    is_labelled: bool
    is_received = True


@dataclass
class ArrayFile:
    """An array of an upload. `fault` is the reason why it is not read."""

    name: str
    source_bytes: int
    open: Callable[[Meter], AbstractContextManager[Readable]]  # opens it at its first byte
    header: ArrayHeader | None = None
    fault: str | None = None
    labels: np.ndarray | None = field(default=None, repr=False)  # of its images
    is_paired: bool = False  # it is the labels of another array

    def read_header(self, meter: Meter) -> None:
        """Set `header` or `fault`."""
        try:
            with self.open(meter) as stream:
                self.header = read_header(stream)
        except (Rejected, BrokenArchive) as error:
            self.fault = rejection_reason(error)

    @property
    def key(self) -> tuple[str, ...]:
        """The words that the names of images and their labels share, like train or t10k."""
        words = re.split(r"[^a-z0-9]+", "/".join(parts_of(self.name)).lower())
        return tuple(word for word in words if not ROLE.fullmatch(word))


def array_members(
    array: ArrayFile, request: IngestRequest, meter: Meter
) -> Iterator[Member | ArrayImage]:
    """Yield the images of an array in order, or one refused member if it cannot be read.

    Labels that are paired with images yield nothing.
    """
    if array.is_paired:
        return
    try:
        header = _check(array, request, meter)
    except (Rejected, BrokenArchive) as error:
        yield Member(array.name, array.source_bytes, 0, None, rejection_reason(error))
        return
    labels = array.labels
    # -1 means no class, except where the only labels are -1 and 1.
    is_binary = labels is not None and np.array_equal(np.unique(labels), (-1, 1))
    label_of = str if is_binary else class_of
    for index, (values, span) in enumerate(_images(array, header, meter)):
        yield ArrayImage(
            f"{array.name}[{index}]",
            array.source_bytes * index // header.count,
            values,
            span,
            None if labels is None else label_of(labels[index].item()),
            labels is not None,
        )


def _check(array: ArrayFile, request: IngestRequest, meter: Meter) -> ArrayHeader:
    """Raise Rejected for any fault of the array before its first image is used."""
    if array.fault is not None:
        raise Rejected(array.fault)
    assert array.header is not None
    height, width, _ = array.header.image_shape
    check_pixels(width, height, request.limits.max_pixels)
    check_size(width, height, request.shape)
    check_length(array, meter)
    _check_values(array, array.header, request, meter)
    return array.header


def _check_values(
    array: ArrayFile, header: ArrayHeader, request: IngestRequest, meter: Meter
) -> None:
    """Raise Rejected if it is unknown which values are black and white, by the range of all."""
    depth = depth_of(header.dtype)
    if depth in ("8-bit", "16-bit"):
        return
    low, high = math.inf, -math.inf
    for values in _blocks(array, header, meter.fresh()):
        span = span_of(values)
        low, high = min(low, span[0]), max(high, span[1])
    if request.levels == "full":
        Levels().check(depth, (low, high))


def check_length(array: ArrayFile, meter: Meter) -> None:
    """Raise Rejected unless the array has as many bytes as its header announces. A gzip is
    decompressed to its end for this: the missing part may hold all images of a class."""
    assert array.header is not None
    expected = array.header.start + array.header.bytes
    length = 0
    with array.open(meter.fresh()) as stream:
        while length <= expected and (block := stream.read(BLOCK_BYTES)):
            length += len(block)
    if length < expected:
        raise Rejected(
            f"truncated: {expected:,} bytes are announced for {array.header.count:,} values of "
            f"shape {array.header.shape[1:]}, {length:,} are there"
        )
    if length > expected:
        raise Rejected(
            f"wrong count: more bytes than the {array.header.count:,} announced values take"
        )


def _images(array: ArrayFile, header: ArrayHeader, meter: Meter) -> Iterator[tuple[Values, Span]]:
    for block in _blocks(array, header, meter):
        span = span_of(block)
        for values in block:
            yield values, span


def _blocks(array: ArrayFile, header: ArrayHeader, meter: Meter) -> Iterator[Values]:
    """Blocks of (n, H, W, C) in the byte order of this machine."""
    height, width, channels = header.image_shape
    size = height * width * channels * header.dtype.itemsize
    with array.open(meter) as stream:
        read_exactly(stream, header.start)
        left = header.count
        while left:
            count = min(left, max(1, BLOCK_BYTES // size))
            block = np.frombuffer(read_exactly(stream, count * size), header.dtype)
            if block.dtype == bool:
                block = block * np.uint8(255)
            native = block.astype(block.dtype.newbyteorder("="), copy=False)
            yield native.reshape(count, height, width, channels)
            left -= count
