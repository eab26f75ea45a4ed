"""The uploaded files: the kind of each, by its first bytes, and the images in it."""

import functools
import io
from collections.abc import Iterator
from pathlib import Path

from worker.ingest.archives.members import Member
from worker.ingest.archives.names import display_name, is_litter
from worker.ingest.archives.parquet import LabelRow, parquet_members
from worker.ingest.archives.signatures import (
    HEAD_BYTES,
    archive_kind,
    array_format,
    image_format,
    is_npz,
    is_parquet,
    is_tar,
)
from worker.ingest.archives.streams import PlainStream, open_stream
from worker.ingest.archives.tars import tar_members
from worker.ingest.archives.zip_directory import ends_as_zip
from worker.ingest.archives.zips import zip_members
from worker.ingest.arrays.files import ArrayFile, ArrayImage, array_members
from worker.ingest.arrays.labels import pair_labels
from worker.ingest.arrays.npz import npz_arrays
from worker.ingest.errors import BrokenArchive, Rejected, rejection_reason
from worker.ingest.limits import Meter
from worker.ingest.notes import Note
from worker.ingest.request import IngestRequest, Source

Received = Member | ArrayImage
LOOSE = -1  # the scope of files outside archives


class Sources:
    """All files of one upload. Arrays of images are paired with arrays of labels."""

    def __init__(self, request: IngestRequest, meter: Meter) -> None:
        self._request = request
        self._meter = meter
        self._kinds = [_kind_of(source, meter) for source in request.sources]
        self._arrays = {
            index: _array(source, meter, gzipped=kind == "array.gz")
            for index, (source, kind) in enumerate(zip(request.sources, self._kinds, strict=True))
            if kind in ("array", "array.gz") and not is_litter(source.name)
        }
        pair_labels(list(self._arrays.values()), meter)

    def scope(self, index: int) -> tuple[int, str | None]:
        """Return (scope, name of the archive or None) of a source.

        A label file applies to the files of its scope: its archive, or all loose files.
        """
        if self._kinds[index] in ("zip", "tar", "tar.gz"):
            return index, display_name(self._request.sources[index].name)
        return LOOSE, None

    def members(self, index: int) -> Iterator[Received | LabelRow | Note]:
        """Yield each file or image of a source. Read it before requesting the next one."""
        if index in self._arrays:
            return array_members(self._arrays[index], self._request, self._meter)
        return self._members(self._request.sources[index], self._kinds[index])

    def _members(self, source: Source, kind: str | None) -> Iterator[Received | LabelRow | Note]:
        path, name, meter = source.path, display_name(source.name), self._meter
        code_page = self._request.code_page
        if kind is None:
            yield from _loose(source, meter)
        elif kind == "zip":
            yield from zip_members(path, name, meter, code_page)
        elif kind in ("tar", "tar.gz"):
            gzipped = kind == "tar.gz"
            yield from tar_members(path, name, meter, gzipped=gzipped, code_page=code_page)
        elif is_litter(source.name):
            return
        elif kind == "npz":
            yield from self._npz_members(path, name)
        elif kind == "parquet":
            yield from parquet_members(path, name, meter)
        elif kind == "gzip":
            refusal = "not an image: a gzip without a tar or an array in it"
            yield Member(name, 0, 0, None, refusal)
        else:
            refusal = f"unsupported archive: {kind}; make it a zip, a tar or a tar.gz"
            yield Member(name, 0, 0, None, refusal)

    def _npz_members(self, path: Path, name: str) -> Iterator[Received]:
        try:
            arrays = npz_arrays(path, name, self._meter)
        except (Rejected, BrokenArchive) as error:
            yield Member(name, 0, 0, None, rejection_reason(error))
            return
        for array in arrays:
            yield from array_members(array, self._request, self._meter)


def _kind_of(source: Source, meter: Meter) -> str | None:
    """zip, tar, tar.gz, npz, array, array.gz, parquet, another archive, or None for other files."""
    meter.tick()
    with source.path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    kind = archive_kind(head)
    if kind == "zip" and is_npz(head):
        return "npz"
    if kind == "gzip":
        with open_stream(
            source.path, display_name(source.name), meter.fresh(), gzipped=True
        ) as stream:
            inner = stream.read(HEAD_BYTES)
        if is_tar(inner):
            return "tar.gz"
        return "array.gz" if array_format(inner) else "gzip"
    if kind is not None or image_format(head) is not None:
        return kind
    if array_format(head):
        return "array"
    if is_parquet(head):
        return "parquet"
    # A self-extracting program, or the last part of a split zip, only ends like a zip.
    with source.path.open("rb") as file:
        return "zip" if ends_as_zip(file) else None


def _array(source: Source, meter: Meter, *, gzipped: bool) -> ArrayFile:
    name = display_name(source.name)
    opener = functools.partial(open_stream, source.path, name, gzipped=gzipped)
    array = ArrayFile(name, source.path.stat().st_size, opener)
    array.read_header(meter)
    return array


def _loose(source: Source, meter: Meter) -> Iterator[Member]:
    with source.path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        yield Member(source.name, size, 0, PlainStream(file, meter))
