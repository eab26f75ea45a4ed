"""The arrays in an npz, a zip of npy files. Opening an array reads the zip up to it again."""

import re
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from worker.ingest.archives.members import Member
from worker.ingest.archives.names import display_name
from worker.ingest.archives.streams import Readable
from worker.ingest.archives.zips import zip_members
from worker.ingest.arrays.files import ArrayFile
from worker.ingest.arrays.labels import pair_labels
from worker.ingest.errors import Rejected
from worker.ingest.limits import Meter

MAX_ARRAYS = 100
KNOWN_NAMES = re.compile(r"images?|imgs?|data|labels?|targets?|classes|[xy]")


def npz_arrays(path: Path, name: str, meter: Meter) -> list[ArrayFile]:
    """Every array in the npz; images are paired with labels. Raises Rejected, BrokenArchive."""
    names = [display_name(member.name) for member in _members(path, name, meter)]
    size = path.stat().st_size
    arrays = [
        ArrayFile(f"{name}/{inner.removesuffix('.npy')}", size, _Opener(path, name, index))
        for index, inner in enumerate(names)
    ]
    for array, inner in zip(arrays, names, strict=True):
        words = re.split(r"[^a-z]+", inner.removesuffix(".npy").lower())
        if len(arrays) == 1 or any(KNOWN_NAMES.fullmatch(word) for word in words):
            array.read_header(meter)
        else:
            array.fault = (
                "unknown name: call arrays of pictures images, x or data, and arrays of labels "
                "labels or y"
            )
    pair_labels(arrays, meter)
    return arrays


def _members(path: Path, name: str, meter: Meter) -> Generator[Member, None, None]:
    members = (item for item in zip_members(path, name, meter) if isinstance(item, Member))
    for index, member in enumerate(members):
        if index >= MAX_ARRAYS:
            raise Rejected(f"too many arrays: more than {MAX_ARRAYS} in one npz")
        yield member


class _Opener:
    """Opens the array at an index of the npz."""

    def __init__(self, path: Path, name: str, index: int) -> None:
        self._path = path
        self._name = name
        self._index = index

    @contextmanager
    def __call__(self, meter: Meter) -> Iterator[Readable]:
        with closing(_members(self._path, self._name, meter)) as members:
            for index, member in enumerate(members):
                if index < self._index:
                    continue
                if member.stream is None:
                    raise Rejected(member.refusal)
                yield member.stream
                return
