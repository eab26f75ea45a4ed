"""The files of one uploaded file: those in it where it is an archive, else itself."""

import io
from collections.abc import Iterator

from worker.ingest.members import Member
from worker.ingest.meter import Meter
from worker.ingest.names import shown
from worker.ingest.request import Source
from worker.ingest.signatures import HEAD_BYTES, archive_kind, is_tar
from worker.ingest.tars import gzip_head, tar_members
from worker.ingest.zips import zip_members


def members_of(source: Source, meter: Meter) -> Iterator[Member]:
    """Each file in turn, read before the next is asked for."""
    path, name = source.path, shown(source.name)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    kind = archive_kind(head)
    if kind == "zip":
        yield from zip_members(path, name, meter)
    elif kind == "tar":
        yield from tar_members(path, name, meter, gzipped=False)
    elif kind == "gzip":
        if is_tar(gzip_head(path, name, meter)):
            yield from tar_members(path, name, meter, gzipped=True)
        else:
            yield Member(source.name, 0, 0, None, "not an image: a gzip that holds no tar")
    elif kind is not None:
        refusal = f"unsupported archive: {kind}; make it a zip, a tar or a tar.gz"
        yield Member(source.name, 0, 0, None, refusal)
    else:
        yield from _loose(source, meter)


def _loose(source: Source, meter: Meter) -> Iterator[Member]:
    with source.path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        yield Member(source.name, size, 0, _LooseStream(file, meter))


class _LooseStream:
    def __init__(self, file: io.BufferedReader, meter: Meter) -> None:
        self._file = file
        self._meter = meter

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self._meter.add(len(data))
        return data
