"""A morph's frames to one file: animated WebP, PNG or GIF, MP4, or a strip of all in a row."""

import io
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app.domain.pictures.encoders import (
    RECIPE_KEY,
    encode_grid,
    opaque,
    recipe_exif,
    to_image,
)
from app.domain.pictures.recipes import Recipe, recipe_text
from app.serving.video import encode_mp4
from models.samples import Pixels

MAX_FPS = 60
GIF_MAX_FPS = 50  # browsers show a frame of less than 2/100 s for 10/100 s
APNG_LEVEL, APNG_STRATEGY = 1, 3  # zlib's run lengths: as small as its fastest, and faster
PALETTE_FRAMES = 32  # as many frames as a palette is chosen from


def encode_animation(
    frames: Pixels, file_format: str, recipe: Recipe, *, fps: float, loop: bool
) -> bytes:
    """(F, H, W, C) -> webp or apng (lossless), gif (256 colours, on white), mp4 or strip.

    It plays for ever with `loop`, but for mp4, where that is the player's to decide.
    """
    if file_format == "strip":
        return encode_grid(frames, len(frames), recipe)
    if file_format == "webp":
        return _encode_webp(frames, recipe, fps, loop)
    if file_format == "mp4":
        return encode_mp4(frames, recipe, fps=fps)
    if file_format == "apng":
        return _encode_apng(frames, recipe, fps, loop)
    return _encode_gif(frames, recipe, fps, loop)


def _encode_webp(frames: Pixels, recipe: Recipe, fps: float, loop: bool) -> bytes:
    images = [to_image(frame) for frame in frames]
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=images[1:],
        duration=_durations(len(images), fps, ticks_per_second=1000),
        loop=0 if loop else 1,
        lossless=True,
        method=0,
        # Every frame whole: of 60 faces that all change, the differences were 25 % larger.
        kmin=0,
        kmax=1,
        exif=recipe_exif(recipe),
    )
    return buffer.getvalue()


def _encode_apng(frames: Pixels, recipe: Recipe, fps: float, loop: bool) -> bytes:
    images = [to_image(frame) for frame in frames]
    buffer = io.BytesIO()
    info = PngInfo()
    info.add_text(RECIPE_KEY, recipe_text(recipe))
    images[0].save(
        buffer,
        "PNG",
        save_all=True,
        append_images=images[1:],
        duration=_durations(len(images), fps, ticks_per_second=1000),
        loop=0 if loop else 1,
        pnginfo=info,
        compress_level=APNG_LEVEL,
        compress_type=APNG_STRATEGY,
    )
    return buffer.getvalue()


def _encode_gif(frames: Pixels, recipe: Recipe, fps: float, loop: bool) -> bytes:
    """One palette and no dithering: with either per frame, still parts of the picture flicker."""
    palette = _shared_palette(frames)
    images = [
        _in_colour(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames
    ]
    durations = _durations(len(images), fps, ticks_per_second=100)
    buffer = io.BytesIO()
    repeat = {"loop": 0} if loop else {}  # without the extension a GIF plays once
    images[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=images[1:],
        duration=[10 * hundredths for hundredths in durations],
        palette=images[0].getpalette(),  # else each frame repeats it
        optimize=False,
        comment=recipe_text(recipe),
        **repeat,
    )
    return buffer.getvalue()


def _shared_palette(frames: Pixels) -> Image.Image:
    chosen = np.linspace(0, len(frames) - 1, min(len(frames), PALETTE_FRAMES)).astype(int)
    sheet: NDArray[np.uint8] = np.concatenate(frames[chosen])
    return _in_colour(sheet).quantize(256, Image.Quantize.MEDIANCUT)


def _in_colour(pixels: NDArray[np.uint8]) -> Image.Image:
    return opaque(to_image(pixels)).convert("RGB")


def _durations(frames: int, fps: float, ticks_per_second: int) -> list[int]:
    """Each frame's ticks, rounded so that the sum never strays from the true time."""
    ends = [round(number * ticks_per_second / fps) for number in range(frames + 1)]
    return [end - start for start, end in pairwise(ends)]
