"""Animated WebP: whole lossless frames in a container written here (RFC 9649).

libwebp's own muxer merges equal neighbours, and makes a still of an animation whose frames are all
equal; here every frame is stored, with its time.
"""

import io
import struct
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from app.domain.images.encoders import to_image
from models.samples import Pixels

ALPHA, EXIF, ANIMATION = 0x10, 0x08, 0x02  # flags of the file
NO_BLENDING = 0x02  # flag of a frame: it replaces what was there


def write_webp(
    frames: Pixels, durations: Sequence[int], *, repeat: bool, exif: Image.Exif
) -> bytes:
    """(F, H, W, C) with the milliseconds of each frame -> the file."""
    height, width, channels = frames.shape[1:]
    flags = EXIF | ANIMATION | (ALPHA if channels == 4 else 0)
    size = _size(width, height)
    chunks = [
        _chunk(b"VP8X", struct.pack("<I", flags) + size),
        _chunk(b"ANIM", struct.pack("<IH", 0, 0 if repeat else 1)),
    ]
    for picture, duration in zip(_encoded(frames), durations, strict=True):
        head = bytes(6) + size + duration.to_bytes(3, "little") + bytes([NO_BLENDING])
        chunks.append(_chunk(b"ANMF", head + picture))
    chunks.append(_chunk(b"EXIF", exif.tobytes()))
    content = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def _encoded(frames: Pixels) -> Iterator[bytes]:
    """The VP8L chunk of each frame; of equal neighbours it is made once."""
    chunk = b""
    for number, frame in enumerate(frames):
        if number == 0 or not np.array_equal(frame, frames[number - 1]):
            buffer = io.BytesIO()
            to_image(frame).save(buffer, "WEBP", lossless=True, exact=True, method=0)
            chunk = _picture_chunk(buffer.getvalue())
        yield chunk


def _picture_chunk(still: bytes) -> bytes:
    """The chunk of a still's file that holds its pixels."""
    place = 12  # after RIFF, the size and WEBP
    while still[place : place + 4] != b"VP8L":
        (length,) = struct.unpack_from("<I", still, place + 4)
        place += 8 + length + length % 2
    (length,) = struct.unpack_from("<I", still, place + 4)
    return still[place : place + 8 + length + length % 2]


def _size(width: int, height: int) -> bytes:
    return (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
