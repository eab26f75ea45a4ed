"""The frames of a morph as an MP4 (H.264), encoded by the ffmpeg of imageio-ffmpeg."""

import re
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

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


def encode_mp4(frames: Pixels, recipe: Recipe, *, fps: float) -> bytes:
    """(F, H, W, C) -> a file that plays once, on white; its `comment` is the recipe."""
    colours = np.stack([np.asarray(opaque(to_image(frame)).convert("RGB")) for frame in frames])
    # Colour at half size needs even sides: the last row or column of an odd side is repeated.
    odd = [(0, side % 2) for side in colours.shape[1:3]]
    colours = np.pad(colours, ((0, 0), *odd, (0, 0)), mode="edge")
    _, height, width, _ = colours.shape
    with tempfile.TemporaryDirectory(prefix="moggy-mp4-") as folder:
        metadata, film = Path(folder) / "metadata", Path(folder) / "film.mp4"
        metadata.write_text(f";FFMETADATA1\ncomment={_escape(recipe_text(recipe))}\n")
        subprocess.run(
            [
                *(get_ffmpeg_exe(), "-nostdin", "-v", "error"),
                *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"),
                *("-r", f"{fps:g}", "-i", "pipe:0", "-i", str(metadata), "-map_metadata", "1"),
                *("-vf", FILTER, "-c:v", "libx264", "-preset", PRESET, "-crf", QUALITY),
                *REPRODUCIBLE,
                *("-movflags", "+faststart", str(film)),
            ],
            input=colours.tobytes(),
            capture_output=True,
            check=True,
            timeout=ENCODE_TIMEOUT_SECONDS,
        )
        return film.read_bytes()


def _escape(text: str) -> str:
    """Escape a value of an ffmpeg metadata file."""
    return re.sub(r"([=;#\\\n])", r"\\\1", text)
