"""A morph's frames to one file: animated WebP, PNG or GIF, MP4, or a strip of all in a row."""

from itertools import pairwise

from app.domain.images.encoders import RECIPE_KEY, encode_grid, recipe_exif
from app.domain.images.png import write_apng
from app.domain.images.recipes import Recipe, recipe_text
from app.serving.gif_animation import write_gif
from app.serving.video import encode_mp4
from app.serving.webp_animation import write_webp
from models.samples import Pixels

MAX_FPS = 60
GIF_MAX_FPS = 50  # browsers show a frame of less than 2/100 s for 10/100 s


def encode_animation(
    frames: Pixels, file_format: str, recipe: Recipe, *, fps: float, repeat: bool
) -> bytes:
    """(F, H, W, C) -> webp or apng (lossless), gif (256 colours, on white), mp4 or strip.

    Every frame is stored, equal neighbours too. The file plays for ever with `repeat`, else once;
    for mp4 the player decides that.
    """
    if file_format == "strip":
        return encode_grid(frames, len(frames), recipe)
    if file_format == "mp4":
        return encode_mp4(frames, recipe, fps=fps)
    if file_format == "gif":
        hundredths = _durations(len(frames), fps, ticks_per_second=100)
        return write_gif(frames, hundredths, repeat=repeat, comment=recipe_text(recipe))
    milliseconds = _durations(len(frames), fps, ticks_per_second=1000)
    if file_format == "webp":
        return write_webp(frames, milliseconds, repeat=repeat, exif=recipe_exif(recipe))
    texts = {RECIPE_KEY: recipe_text(recipe)}
    return write_apng(frames, milliseconds, repeat=repeat, texts=texts)


def _durations(frames: int, fps: float, ticks_per_second: int) -> list[int]:
    """Each frame's ticks, rounded so that the sum never strays from the true time."""
    ends = [round(number * ticks_per_second / fps) for number in range(frames + 1)]
    return [end - start for start, end in pairwise(ends)]
