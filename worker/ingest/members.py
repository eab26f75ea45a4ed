"""One file of an upload, wherever it lies: loose, in a zip, in a tar."""

import io
from dataclasses import dataclass
from typing import Protocol

from worker.ingest.errors import Rejected
from worker.ingest.names import is_litter, points_outside
from worker.ingest.signatures import HEAD_BYTES, NOT_AN_IMAGE, archive_kind, picture_format

MAX_BYTES = 256 << 20  # of one file; the largest picture that is decoded is hardly as large


READ_BYTES = 1 << 20


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Member:
    """Must be read before the next one is asked for.

    `size` is what is declared: a stream ends there, whatever is packed. `position` is how far
    into its source, in bytes of the source, it was found.
    """

    name: str
    size: int
    position: int
    stream: Readable | None
    refusal: str | None = None  # why there is no stream

    @property
    def is_received(self) -> bool:
        return not is_litter(self.name) or points_outside(self.name)

    def read_picture(self) -> io.BytesIO:
        """The whole file; raises Rejected as soon as it is known to be no picture."""
        if points_outside(self.name):
            raise Rejected("unsafe path: it points outside its folder")
        if self.stream is None:
            raise Rejected(self.refusal)
        if self.size > MAX_BYTES:
            raise Rejected(f"too large: {self.size:,} bytes, at most {MAX_BYTES:,} are read")
        block = self.stream.read(HEAD_BYTES)
        if picture_format(block) is None:
            raise Rejected(_foreign(block))
        file = io.BytesIO()
        while block:
            file.write(block)
            block = self.stream.read(READ_BYTES)
        return file


def _foreign(head: bytes) -> str:
    if not head:
        return "not an image: the file is empty"
    kind = archive_kind(head)
    if kind is not None:
        return f"nested archive: a {kind} inside the upload; unpack it first"
    return NOT_AN_IMAGE
