"""Animated GIF: every frame stored with its time, in a container written here (GIF89a).

Pillow compresses the frames, but its own writer leaves out those that are equal to the one before.
"""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.GifImagePlugin import getdata

from app.domain.images.encoders import opaque, to_image
from models.samples import Pixels

PALETTE_FRAMES = 32  # as many frames as a palette is chosen from
SUB_BLOCK_BYTES = 255


def write_gif(frames: Pixels, hundredths: Sequence[int], *, repeat: bool, comment: str) -> bytes:
    """(F, H, W, C) with the 1/100 seconds of each frame -> the file, on white.

    One palette and no dithering: with either per frame, still parts of the picture flicker.
    """
    height, width = frames.shape[1:3]
    palette = _shared_palette(frames)
    images = [
        _in_colour(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames
    ]
    colours = bytes(images[0].getpalette() or ()).ljust(768, b"\0")
    parts = [b"GIF89a", struct.pack("<2H3B", width, height, 0xF7, 0, 0), colours]
    if repeat:  # without this extension it plays once
        parts.append(b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")
    parts.append(b"!\xfe" + _sub_blocks(comment.encode("ascii")))
    before: NDArray[np.uint8] | None = None
    for image, duration in zip(images, hundredths, strict=True):
        indices = np.asarray(image)
        left, top, right, bottom = _changed(indices, before)
        part = image.crop((left, top, right, bottom))
        parts += getdata(part, (left, top), duration=10 * duration)
        before = indices
    return b"".join(parts) + b";"


def _changed(
    indices: NDArray[np.uint8], before: NDArray[np.uint8] | None
) -> tuple[int, int, int, int]:
    """The box of what differs from the frame before; one pixel where nothing does."""
    height, width = indices.shape
    if before is None:
        return 0, 0, width, height
    differs = indices != before
    rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
    if not len(rows):
        return 0, 0, 1, 1
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _shared_palette(frames: Pixels) -> Image.Image:
    chosen = np.linspace(0, len(frames) - 1, min(len(frames), PALETTE_FRAMES)).astype(int)
    sheet: NDArray[np.uint8] = np.concatenate(frames[chosen])
    return _in_colour(sheet).quantize(256, Image.Quantize.MEDIANCUT)


def _in_colour(pixels: NDArray[np.uint8]) -> Image.Image:
    return opaque(to_image(pixels)).convert("RGB")


def _sub_blocks(data: bytes) -> bytes:
    blocks = [
        data[start : start + SUB_BLOCK_BYTES] for start in range(0, len(data), SUB_BLOCK_BYTES)
    ]
    return b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
