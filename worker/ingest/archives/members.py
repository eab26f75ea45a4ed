"""One file of an upload, wherever it lies: loose, in a zip, in a tar."""

import io
from dataclasses import dataclass

from worker.ingest.archives.names import is_litter, points_outside
from worker.ingest.archives.signatures import HEAD_BYTES, image_format
from worker.ingest.archives.streams import READ_BYTES, Readable
from worker.ingest.archives.unsupported_formats import foreign
from worker.ingest.errors import Rejected

MAX_BYTES = 256 << 20  # of one file; the largest picture that is decoded is hardly as large
STRAY = b"\xef\xbb\xbf\r\n\t "  # what a web server's script may have sent before the picture


@dataclass(frozen=True)
class Notice:
    """Something about an upload, beside its files, that its user is to know: a sentence."""

    text: str


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
    label: str | None = None  # the class that is told beside it in the same file
    is_labelled: bool = False  # whether that file tells classes: a `label` of None is then no class

    @property
    def is_received(self) -> bool:
        return not is_litter(self.name) or points_outside(self.name)

    def read_image(self) -> io.BytesIO:
        """The whole file; raises Rejected as soon as it is known to be no picture."""
        if points_outside(self.name):
            raise Rejected("unsafe path: it points outside its folder")
        if self.stream is None:
            raise Rejected(self.refusal)
        if self.size > MAX_BYTES:
            raise Rejected(f"too large: {self.size:,} bytes, at most {MAX_BYTES:,} are read")
        block = head = self.stream.read(HEAD_BYTES)
        if image_format(head) is None:
            block = head.lstrip(STRAY)
            if image_format(block) is None:
                raise Rejected(foreign(head))
        file = io.BytesIO()
        while block:
            file.write(block)
            block = self.stream.read(READ_BYTES)
        return file
