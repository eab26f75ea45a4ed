"""Pairs arrays of labels with arrays of images, by their names, else by their counts."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

from worker.ingest.archives.streams import read_exactly
from worker.ingest.arrays.files import ArrayFile, check_length
from worker.ingest.errors import BrokenArchive, Rejected, rejection_reason
from worker.ingest.limits import Meter

MAX_LABELS = 10_000_000  # held in memory, unlike images


def pair_labels(arrays: Sequence[ArrayFile], meter: Meter) -> None:
    """Set the labels of every array of images. An array of labels without images gets a fault."""
    images = _ImageArrays(arrays)
    for array in arrays:
        if array.header is None or not array.header.is_labels:
            continue
        try:
            image_array = images.find(array)
            image_array.labels = _read(array, meter)
            array.is_paired = True
        except (Rejected, BrokenArchive) as error:
            array.fault = rejection_reason(error)


class _ImageArrays:
    """Looks up arrays of images by key and count, in constant time."""

    def __init__(self, arrays: Sequence[ArrayFile]) -> None:
        self._by_key: defaultdict[Hashable, list[ArrayFile]] = defaultdict(list)
        for array in arrays:
            if array.header is not None and not array.header.is_labels:
                count = array.header.count
                for key in (array.key, count, (array.key, count)):
                    self._by_key[key].append(array)

    def find(self, labels: ArrayFile) -> ArrayFile:
        """Return the array of images for the labels. Raises Rejected unless exactly one fits."""
        assert labels.header is not None
        count = labels.header.count
        named = self._by_key[labels.key]
        fitting = self._by_key[(labels.key, count)] if named else self._by_key[count]
        if named and not fitting:
            other = named[0].header
            assert other is not None
            raise Rejected(
                f"wrong count: {count:,} labels for the {other.count:,} pictures of {named[0].name}"
            )
        if len(fitting) != 1:
            raise Rejected(
                f"labels without pictures: {len(fitting):,} arrays of {count:,} pictures came with "
                "them, and exactly one is needed; name both alike, as train-images and train-labels"
            )
        if fitting[0].labels is not None:
            raise Rejected(f"labels twice: {fitting[0].name} has other labels already")
        return fitting[0]


def _read(labels: ArrayFile, meter: Meter) -> np.ndarray:
    header = labels.header
    assert header is not None
    if header.count > MAX_LABELS:
        raise Rejected(f"too many labels: {header.count:,}, at most {MAX_LABELS:,} are read")
    check_length(labels, meter)
    with labels.open(meter) as stream:
        read_exactly(stream, header.start)
        return np.frombuffer(read_exactly(stream, header.bytes), header.dtype)
