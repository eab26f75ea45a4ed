"""One file of an upload: loose, in a zip, in a tar, or in a row of a Parquet."""

import io
from dataclasses import dataclass

from worker.ingest.archives.names import is_litter, points_outside
from worker.ingest.archives.signatures import HEAD_BYTES, image_format
from worker.ingest.archives.streams import READ_BYTES, Readable
from worker.ingest.archives.unsupported_formats import unsupported_reason
from worker.ingest.errors import Rejected

MAX_BYTES = 256 << 20  # of one file; an image that can be decoded is rarely as large
LEADING_BYTES = b"\xef\xbb\xbf\r\n\t "  # that faulty scripts of web servers print before an image


@dataclass(frozen=True)
class Member:
    """A file of an upload. Read it before requesting the next one.

    `size` is the declared one, and `stream` never yields more. `position` is the offset in the
    source, in bytes, for the progress.
    """

    name: str
    size: int
    position: int
    stream: Readable | None
    refusal: str | None = None  # why there is no stream
    label: str | None = None  # the class of the image, from the same source
    is_labelled: bool = False  # the source has labels: a `label` of None means "no class"

    @property
    def is_received(self) -> bool:
        return not is_litter(self.name) or points_outside(self.name)

    def read_image(self) -> io.BytesIO:
        """The whole file. Raises Rejected as soon as its first bytes show that it is no image."""
        if points_outside(self.name):
            raise Rejected("unsafe path: it points outside its folder")
        if self.stream is None:
            raise Rejected(self.refusal)
        if self.size > MAX_BYTES:
            raise Rejected(
                f"too large: {self.size:,} bytes, at most {MAX_BYTES:,} are read",
                bytes=self.size,
                max_bytes=MAX_BYTES,
            )
        block = head = self.stream.read(HEAD_BYTES)
        if image_format(head) is None:
            block = head.lstrip(LEADING_BYTES)
            if image_format(block) is None:
                raise Rejected(unsupported_reason(head))
        file = io.BytesIO()
        while block:
            file.write(block)
            block = self.stream.read(READ_BYTES)
        return file
