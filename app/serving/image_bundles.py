"""Many pictures as one answer that is written while it is sent: a zip, or multipart."""

import hashlib
import io
import zipfile
from collections.abc import AsyncGenerator, Iterator
from typing import ClassVar, Protocol

from anyio import to_thread

from app.domain.images.encoders import MEDIA_TYPES, ZIP_EPOCH, encode_png
from app.domain.images.recipes import Recipe
from app.serving.scaling import Display
from models.samples import Pixels

PIECE_BYTES = 4 * 1024**2  # of pixels as they are shown: what is encoded at once


class Bundle(Protocol):
    """Files under their names, to bytes."""

    media_type: str

    def add(self, name: str, data: bytes) -> None: ...

    def take(self) -> bytes:
        """What was written since the last time."""

    def finish(self) -> bytes:
        """What is left, and the end."""


class ZipBundle:
    """A zip whose entries are stored as they are: pictures do not shrink any more."""

    def __init__(self) -> None:
        self.media_type = MEDIA_TYPES["zip"]
        self._written = _Written()
        self._archive = zipfile.ZipFile(self._written, "w", zipfile.ZIP_STORED)

    def add(self, name: str, data: bytes) -> None:
        self._archive.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), data)

    def take(self) -> bytes:
        return self._written.take()

    def finish(self) -> bytes:
        self._archive.close()
        return self._written.take()


class MultipartBundle:
    """multipart/mixed (RFC 2046): each PNG whole as soon as it has come, with its name."""

    END: ClassVar[bytes] = b"\r\n"

    def __init__(self, boundary: str) -> None:
        self.media_type = f"{MEDIA_TYPES['multipart']}; boundary={boundary}"
        self._boundary = boundary.encode()
        self._pending = bytearray()

    def add(self, name: str, data: bytes) -> None:
        head = (
            f"Content-Type: {MEDIA_TYPES['png']}\r\n"
            f'Content-Disposition: attachment; filename="{name}"\r\n'
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        self._pending += b"--" + self._boundary + self.END + head.encode() + data + self.END

    def take(self) -> bytes:
        taken = bytes(self._pending)
        self._pending.clear()
        return taken

    def finish(self) -> bytes:
        self._pending += b"--" + self._boundary + b"--" + self.END
        return self.take()


def new_bundle(file_format: str, identity: str) -> Bundle:
    """`zip` or `multipart`; the same `identity` gives the same bytes again."""
    if file_format == "zip":
        return ZipBundle()
    return MultipartBundle(f"moggy-{hashlib.sha256(identity.encode()).hexdigest()[:32]}")


async def in_slices(pixels: Pixels, size: int) -> AsyncGenerator[Pixels]:
    """Pictures that are there already, as `Engine.slices` gives those that are not."""
    for first in range(0, len(pixels), size):
        yield pixels[first : first + size]


async def bundled(
    slices: AsyncGenerator[Pixels], recipes: Iterator[Recipe], count: int, bundle: Bundle,
    display: Display,
) -> AsyncGenerator[bytes]:  # fmt: skip
    """The pictures as PNGs, 0000.png and on, each slice encoded while the next is made, in pieces
    of no more than some megabytes."""
    digits, number = max(4, len(str(count - 1))), 0

    def encode(pixels: Pixels) -> bytes:
        nonlocal number
        for one in pixels:
            recipe = next(recipes) | display.recipe()
            bundle.add(f"{number:0{digits}}.png", encode_png(display.enlarge(one[None])[0], recipe))
            number += 1
        return bundle.take()

    try:
        async for pixels in slices:
            together = max(1, PIECE_BYTES // (pixels[0].nbytes * display.scale**2))
            for first in range(0, len(pixels), together):
                yield await to_thread.run_sync(encode, pixels[first : first + together])
        yield bundle.finish()
    finally:  # the client may have left
        await slices.aclose()


class _Written(io.BytesIO):
    """What was written since the last `take`, at its place in all that was: an entry's header is
    written again once its size is known, so that a zip can be read while it comes."""

    def __init__(self) -> None:
        super().__init__()
        self._taken = 0

    def tell(self) -> int:
        return self._taken + super().tell()

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        return super().seek(place - self._taken if whence == io.SEEK_SET else place, whence)

    def take(self) -> bytes:
        """To be called between entries."""
        taken = self.getvalue()
        self._taken += len(taken)
        super().seek(0)
        self.truncate()
        return taken
