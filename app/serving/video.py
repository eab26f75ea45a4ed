"""The frames of a film as an MP4 (H.264), encoded by the ffmpeg of imageio-ffmpeg."""

import itertools
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import IO

import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe

from app.domain.images.encoders import opaque, to_image
from app.domain.images.recipes import Recipe, recipe_text
from models.samples import Pixels

# 60 frames of 64×64 take 35 ms. At 12 the luminance is nearly indistinguishable from the frames;
# the colour loses detail, as it is stored at half size in both directions, which every browser's
# decoder requires.
QUALITY, PRESET = "12", "veryfast"
ENCODE_TIMEOUT_SECONDS = 300.0  # the longest and largest film allowed takes a fraction of it

# The file states its colour space, which players would guess from its size. The encoder takes
# primaries and transfer from the frames, and ignores its own options for them.
FILTER = (
    "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,"
    "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
)
REPRODUCIBLE = ("-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact")

VIDEO_ENCODER = f"ffmpeg-{version('imageio-ffmpeg')}"  # another version may give other bytes


def encode_mp4(frames: Iterable[Pixels], recipe: Recipe, *, fps: float) -> bytes:
    """Frames (H, W, C) -> a file that plays once, on white; its `comment` is the recipe.

    Each frame is passed to ffmpeg before the next is taken from `frames`.
    """
    pictures = map(_picture, frames)
    first = next(pictures)
    height, width, _ = first.shape
    with tempfile.TemporaryDirectory(prefix="moggy-mp4-") as folder:
        metadata, film = Path(folder) / "metadata", Path(folder) / "film.mp4"
        metadata.write_text(f";FFMETADATA1\ncomment={_escape(recipe_text(recipe))}\n")
        command = [
            *(get_ffmpeg_exe(), "-nostdin", "-v", "error"),
            *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"),
            *("-r", f"{fps:g}", "-i", "pipe:0", "-i", str(metadata), "-map_metadata", "1"),
            *("-vf", FILTER, "-c:v", "libx264", "-preset", PRESET, "-crf", QUALITY),
            *REPRODUCIBLE,
            *("-movflags", "+faststart", str(film)),
        ]
        _run(command, itertools.chain([first], pictures), Path(folder) / "errors")
        return film.read_bytes()


def _picture(frame: Pixels) -> Pixels:
    """(H, W, C) -> RGB on white. Colour at half size needs even sides: the last row or column of an
    odd side is repeated."""
    colours = np.asarray(opaque(to_image(frame)).convert("RGB"))
    odd = [(0, side % 2) for side in colours.shape[:2]]
    return np.pad(colours, (*odd, (0, 0)), mode="edge")


def _run(command: list[str], pictures: Iterable[Pixels], errors: Path) -> None:
    """Write the pictures to the program's stdin. Raises CalledProcessError if it fails."""
    with (
        errors.open("wb") as stderr,
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=stderr) as process,
    ):
        time_limit = threading.Timer(ENCODE_TIMEOUT_SECONDS, process.kill)
        time_limit.start()
        try:
            assert process.stdin is not None
            _write(process.stdin, pictures)
            code = process.wait()
        except BaseException:
            process.kill()
            raise
        finally:
            time_limit.cancel()
    if code != 0:
        raise subprocess.CalledProcessError(code, command, stderr=errors.read_bytes())


def _write(stdin: IO[bytes], pictures: Iterable[Pixels]) -> None:
    """Write the frames to stdin, ignoring a broken pipe: the exit code and the errors of a program
    that ends early say why."""
    try:
        with suppress(BrokenPipeError):
            for picture in pictures:
                stdin.write(picture.tobytes())
    finally:  # even after an error, which a broken pipe would otherwise replace
        with suppress(BrokenPipeError):
            stdin.close()


def _escape(text: str) -> str:
    """Escape a value of an ffmpeg metadata file."""
    return re.sub(r"([=;#\\\n])", r"\\\1", text)
