"""Many pictures as one answer that is written while it is sent: a zip, or multipart."""

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Iterator
from typing import ClassVar, Protocol

from anyio import to_thread

from app.domain.pictures.encoders import MEDIA_TYPES, ZIP_EPOCH, encode_png
from app.domain.pictures.recipes import Recipe
from app.serving.display import Display
from models.samples import Pixels


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


async def in_slices(pixels: Pixels, size: int) -> AsyncIterator[Pixels]:
    """Pictures that are there already, as `Engine.slices` gives those that are not."""
    for first in range(0, len(pixels), size):
        yield pixels[first : first + size]


async def bundled(
    slices: AsyncIterator[Pixels], recipes: Iterator[Recipe], count: int, bundle: Bundle,
    display: Display,
) -> AsyncIterator[bytes]:  # fmt: skip
    """The pictures as PNGs, 0000.png and on, each slice encoded while the next is made."""
    digits, number = max(4, len(str(count - 1))), 0

    def encode(pixels: Pixels) -> bytes:
        nonlocal number
        for one in pixels:
            recipe = next(recipes) | display.recipe()
            bundle.add(f"{number:0{digits}}.png", encode_png(display.enlarge(one[None])[0], recipe))
            number += 1
        return bundle.take()

    async for pixels in slices:
        yield await to_thread.run_sync(encode, pixels)
    yield bundle.finish()


class _Written(io.RawIOBase):
    """A file that cannot be read or rewound: what was written since the last `take`."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._pending += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._pending)
        self._pending.clear()
        return taken
