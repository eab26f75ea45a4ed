"""The frames of a film as one file: an animated WebP, PNG or GIF, an MP4, or a strip.

WebP and GIF containers are written here, because libwebp and Pillow merge equal neighbouring frames
(libwebp even writes a still image if all frames are equal). Here every frame is stored with its
duration.
"""

import functools
import io
import struct
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.GifImagePlugin import getdata

from app.domain.images.encoders import RECIPE_KEY, encode_grid, opaque, recipe_exif, to_image
from app.domain.images.png import write_apng
from app.domain.images.recipes import Recipe, recipe_text
from app.serving.video import encode_mp4
from models.resources import usable_cores
from models.samples import Pixels

MAX_FPS = 60
GIF_MAX_FPS = 50  # browsers show a frame of less than 2/100 s for 10/100 s
HOLD_SECONDS = 1.0  # how long the last frame of a timelapse is shown
GIF_PALETTE_FRAMES = 32  # how many frames the shared palette is chosen from
GIF_SUB_BLOCK_BYTES = 255
WEBP_ALPHA, WEBP_EXIF, WEBP_ANIMATION = 0x10, 0x08, 0x02  # flags of a WebP file
WEBP_NO_BLENDING = 0x02  # flag of a WebP frame: it replaces the previous frame


def encode_animation(
    frames: Pixels, file_format: str, recipe: Recipe, *, fps: float, repeat: bool
) -> bytes:
    """(F, H, W, C) -> webp or apng (lossless), gif (256 colours, on white), mp4 or strip.

    Every frame is stored, equal neighbours too. With `repeat` the file plays for ever, else once;
    for mp4 the player decides that.
    """
    if file_format == "strip":
        return encode_grid(frames, len(frames), recipe)
    if file_format == "mp4":
        return encode_mp4(frames, recipe, fps=fps)
    if file_format == "gif":
        hundredths = _durations(len(frames), fps, ticks_per_second=100)
        return _write_gif(frames, hundredths, repeat=repeat, comment=recipe_text(recipe))
    milliseconds = _durations(len(frames), fps, ticks_per_second=1000)
    if file_format == "webp":
        chunks = _encode_in_parallel(frames)
        return _write_webp(chunks, milliseconds, repeat=repeat, exif=recipe_exif(recipe))
    texts = {RECIPE_KEY: recipe_text(recipe)}
    return write_apng(frames, milliseconds, repeat=repeat, texts=texts)


def encode_timelapse(
    frames: Iterable[Pixels], count: int, file_format: str, recipe: Recipe, *, fps: float
) -> bytes:
    """`count` frames (H, W, C) -> webp (lossless, plays for ever) or mp4; the last one is held.

    Each frame is encoded before the next is taken from `frames`.
    """
    if file_format == "mp4":
        return encode_mp4(_repeat_last(frames, round(fps * HOLD_SECONDS)), recipe, fps=fps)
    milliseconds = _durations(count - 1, fps, ticks_per_second=1000)
    milliseconds.append(round(1000 * HOLD_SECONDS))
    chunks = _encode_one_by_one(frames)
    return _write_webp(chunks, milliseconds, repeat=True, exif=recipe_exif(recipe))


def _repeat_last(frames: Iterable[Pixels], times: int) -> Iterator[Pixels]:
    """The frames, of which the last is given `times` times in all."""
    frame = None
    for frame in frames:
        yield frame
    if frame is not None:
        yield from [frame] * (times - 1)


def _durations(frames: int, fps: float, ticks_per_second: int) -> list[int]:
    """The ticks of each frame, rounded so that their running sum stays within half a tick."""
    ends = [round(index * ticks_per_second / fps) for index in range(frames + 1)]
    return [end - start for start, end in pairwise(ends)]


class _WebpFrame(NamedTuple):
    """A frame's size and its pixels as a VP8L chunk."""

    shape: tuple[int, ...]  # (H, W, C)
    chunk: bytes


def _write_webp(
    frames: Iterable[_WebpFrame], durations: Sequence[int], *, repeat: bool, exif: Image.Exif
) -> bytes:
    """Lossless frames with their durations in milliseconds -> an animated WebP (RFC 9649)."""
    chunks, size, flags = [], b"", WEBP_EXIF | WEBP_ANIMATION
    for ((height, width, channels), pixels), duration in zip(frames, durations, strict=True):
        flags |= WEBP_ALPHA if channels == 4 else 0
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        place = bytes(6) + size + duration.to_bytes(3, "little") + bytes([WEBP_NO_BLENDING])
        chunks.append(_webp_chunk(b"ANMF", place + pixels))
    chunks.append(_webp_chunk(b"EXIF", exif.tobytes()))
    head = [
        b"WEBP",
        _webp_chunk(b"VP8X", struct.pack("<I", flags) + size),
        _webp_chunk(b"ANIM", struct.pack("<IH", 0, 0 if repeat else 1)),
    ]
    length = sum(map(len, head)) + sum(map(len, chunks))
    return b"".join((b"RIFF", struct.pack("<I", length), *head, *chunks))


def _encode_one_by_one(frames: Iterable[Pixels]) -> Iterator[_WebpFrame]:
    """Each frame encoded; equal neighbours are encoded once."""
    chunk, previous = b"", None
    for frame in frames:
        if previous is None or not np.array_equal(frame, previous):
            chunk = _encode_vp8l(frame)
        yield _WebpFrame(frame.shape, chunk)
        previous = frame


def _encode_in_parallel(frames: Pixels) -> Iterator[_WebpFrame]:
    """Like `_encode_one_by_one`, on every core: the encoder does not hold Python's lock."""
    changed = [True, *(not np.array_equal(before, after) for before, after in pairwise(frames))]
    # A part for each thread: handing over single frames takes as long as encoding small ones.
    parts = np.array_split(frames[changed], usable_cores())
    chunks = chain.from_iterable(_encoding_threads().map(_encode_part, parts))
    chunk = b""
    for is_new in changed:
        chunk = next(chunks) if is_new else chunk
        yield _WebpFrame(frames.shape[1:], chunk)


@functools.cache
def _encoding_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(usable_cores(), "encoding")


def _encode_part(frames: Pixels) -> list[bytes]:
    return [_encode_vp8l(frame) for frame in frames]


def _encode_vp8l(frame: Pixels) -> bytes:
    buffer = io.BytesIO()
    to_image(frame).save(buffer, "WEBP", lossless=True, exact=True, method=0)
    return _vp8l_chunk(buffer.getvalue())


def _vp8l_chunk(still: bytes) -> bytes:
    """The chunk of a still WebP file that holds its pixels."""
    start = 12  # after RIFF, the size and WEBP
    while still[start : start + 4] != b"VP8L":
        (length,) = struct.unpack_from("<I", still, start + 4)
        start += 8 + length + length % 2
    (length,) = struct.unpack_from("<I", still, start + 4)
    return still[start : start + 8 + length + length % 2]


def _webp_chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _write_gif(frames: Pixels, durations: Sequence[int], *, repeat: bool, comment: str) -> bytes:
    """Frames with their durations in 1/100 s -> an animated GIF (GIF89a), on white.

    One palette for all frames and no dithering: otherwise still parts of the picture flicker.
    """
    height, width = frames.shape[1:3]
    palette = _shared_palette(frames)
    images = [
        _to_rgb(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames
    ]
    colours = bytes(images[0].getpalette() or ()).ljust(768, b"\0")
    parts = [b"GIF89a", struct.pack("<2H3B", width, height, 0xF7, 0, 0), colours]
    if repeat:  # without this extension it plays once
        parts.append(b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")
    parts.append(b"!\xfe" + _gif_sub_blocks(comment.encode("ascii")))
    previous: NDArray[np.uint8] | None = None
    for image, duration in zip(images, durations, strict=True):
        indices = np.asarray(image)
        left, top, right, bottom = _changed_box(indices, previous)
        part = image.crop((left, top, right, bottom))
        parts += getdata(part, (left, top), duration=10 * duration)
        previous = indices
    return b"".join(parts) + b";"


def _changed_box(
    indices: NDArray[np.uint8], previous: NDArray[np.uint8] | None
) -> tuple[int, int, int, int]:
    """The bounding box of the pixels that differ from the previous frame; one pixel if none do."""
    height, width = indices.shape
    if previous is None:
        return 0, 0, width, height
    changed = indices != previous
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    if not len(rows):
        return 0, 0, 1, 1
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _shared_palette(frames: Pixels) -> Image.Image:
    chosen = np.linspace(0, len(frames) - 1, min(len(frames), GIF_PALETTE_FRAMES)).astype(int)
    sheet: NDArray[np.uint8] = np.concatenate(frames[chosen])
    return _to_rgb(sheet).quantize(256, Image.Quantize.MEDIANCUT)


def _to_rgb(pixels: NDArray[np.uint8]) -> Image.Image:
    return opaque(to_image(pixels)).convert("RGB")


def _gif_sub_blocks(data: bytes) -> bytes:
    size = GIF_SUB_BLOCK_BYTES
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
