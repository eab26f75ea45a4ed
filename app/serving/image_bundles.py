"""Many pictures in one response that is written while it is sent: a zip, or multipart."""

import hashlib
import zipfile
from collections.abc import AsyncGenerator, Iterator
from typing import Protocol

from anyio import to_thread

from app.domain.images.encoders import MEDIA_TYPES, ZIP_EPOCH, encode_png
from app.domain.images.recipes import Recipe
from app.serving.display import Display
from models.samples import Pixels

PIECE_BYTES = 4 * 1024**2  # pixels encoded at a time, measured at the size displayed
CRLF = b"\r\n"


class Bundle(Protocol):
    """Collects named files and returns them as bytes, piece by piece."""

    media_type: str

    def add(self, name: str, data: bytes) -> None: ...

    def take(self) -> bytes:
        """The bytes written since the last call."""

    def finish(self) -> bytes:
        """The remaining bytes, and the end of the bundle."""


class ZipBundle:
    """A zip with uncompressed entries: PNGs are compressed already."""

    def __init__(self) -> None:
        self.media_type = MEDIA_TYPES["zip"]
        self._output = _ZipOutput()
        self._archive = zipfile.ZipFile(self._output, "w", zipfile.ZIP_STORED)

    def add(self, name: str, data: bytes) -> None:
        self._archive.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), data)

    def take(self) -> bytes:
        return self._output.take()

    def finish(self) -> bytes:
        self._archive.close()
        return self._output.take()


class MultipartBundle:
    """multipart/mixed (RFC 2046): a client can read each PNG, with its name, once it arrives."""

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
        self._pending += b"--" + self._boundary + CRLF + head.encode() + data + CRLF

    def take(self) -> bytes:
        taken = bytes(self._pending)
        self._pending.clear()
        return taken

    def finish(self) -> bytes:
        self._pending += b"--" + self._boundary + b"--" + CRLF
        return self.take()


def new_bundle(file_format: str, identity: str) -> Bundle:
    """A bundle in the format `zip` or `multipart`; equal `identity` gives equal bytes."""
    if file_format == "zip":
        return ZipBundle()
    return MultipartBundle(f"moggy-{hashlib.sha256(identity.encode()).hexdigest()[:32]}")


async def in_slices(pixels: Pixels, size: int) -> AsyncGenerator[Pixels]:
    """Yield existing pictures in slices, as `Engine.slices` yields new ones."""
    for start in range(0, len(pixels), size):
        yield pixels[start : start + size]


async def stream_bundle(
    slices: AsyncGenerator[Pixels],
    recipes: Iterator[Recipe],
    count: int,
    bundle: Bundle,
    display: Display,
) -> AsyncGenerator[bytes]:
    """The pictures as PNGs named 0000.png and on, in pieces of a few megabytes.

    Each slice is encoded while the engine generates the next.
    """
    digits, index = max(4, len(str(count - 1))), 0

    def encode(pixels: Pixels) -> bytes:
        nonlocal index
        for picture in pixels:
            recipe = next(recipes) | display.recipe()
            png = encode_png(display.enlarge(picture[None])[0], recipe)
            bundle.add(f"{index:0{digits}}.png", png)
            index += 1
        return bundle.take()

    try:
        async for pixels in slices:
            size = max(1, PIECE_BYTES // (pixels[0].nbytes * display.scale**2))
            for start in range(0, len(pixels), size):
                yield await to_thread.run_sync(encode, pixels[start : start + size])
        yield bundle.finish()
    finally:  # the client may have left
        await slices.aclose()


class _ZipOutput:
    """Holds the bytes written since the last `take`, addressed by their offset in the whole zip.

    `zipfile` seeks back to write an entry's header again once its size is known. This keeps the
    sizes ahead of the data, and the zip readable while it arrives.

    Not an `io` object: those close themselves when they are collected, perhaps before the ZipFile
    of a client that left, which still writes its end then.
    """

    def __init__(self) -> None:
        self._taken = 0
        self._pending = bytearray()
        self._position = 0  # in the bytes held

    def write(self, data: bytes) -> int:
        end = self._position + len(data)
        self._pending[self._position : end] = data
        self._position = end
        return len(data)

    def tell(self) -> int:
        return self._taken + self._position

    def seek(self, offset: int) -> None:
        self._position = offset - self._taken

    def flush(self) -> None:
        """Nothing is buffered."""

    def close(self) -> None:
        """Nothing to close."""

    def take(self) -> bytes:
        """The bytes written since the last call. To be called between entries."""
        taken = bytes(self._pending)
        self._taken += len(taken)
        self._pending.clear()
        self._position = 0
        return taken
