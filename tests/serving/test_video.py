"""MP4: played back by another reader of the same ffmpeg, near the frames it was made from."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from app.serving.animations import encode_animation

RECIPE = {"model": "cats", "class": "a=b;c#d\\e\nf", "keyframes": [{"seed": 7}, {"seed": 42}]}


def encode(frames: np.ndarray, fps: float = 20) -> bytes:
    return encode_animation(frames, "mp4", RECIPE, fps=fps, repeat=True)


def played(film: bytes, folder: Path) -> tuple[str, float, np.ndarray]:
    """Its codec, its frames a second, and the frames themselves (F, H, W, 3)."""
    (folder / "film.mp4").write_bytes(film)
    command = [get_ffmpeg_exe(), "-i", "film.mp4", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    told = re.search(r"Video: (\w+).*?, (\d+)x(\d+).*?, ([\d.]+) fps", done.stderr.decode())
    assert told is not None, done.stderr
    width, height = int(told[2]), int(told[3])
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)
    return told[1], float(told[4]), frames


def smooth(frames: int, height: int, width: int) -> np.ndarray:
    """(F, H, W, 3): colours that flow, as those of faces do and noise does not."""
    down, across = np.mgrid[:height, :width]
    times = np.linspace(0, 3, frames)[:, None, None]
    waves = [np.sin(down / 9 + times), np.cos(across / 11 - times), np.sin(times + across / 17)]
    return (127.5 + 100 * np.stack(np.broadcast_arrays(*waves), axis=-1)).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (31, 45)])
def test_it_has_every_frame_at_its_rate_and_shows_nearly_the_same(
    tmp_path: Path, height: int, width: int
) -> None:
    frames = smooth(24, height, width)
    codec, fps, shown = played(encode(frames, fps=12), tmp_path)
    assert (codec, fps) == ("h264", 12)
    assert shown.shape == (24, height + height % 2, width + width % 2, 3)
    strayed = np.abs(shown[:, :height, :width].astype(int) - frames)
    assert strayed.mean() < 4


def test_the_file_says_in_what_colours_it_is(tmp_path: Path) -> None:
    film = encode(smooth(5, 32, 32))
    # The colour box of ISO/IEC 14496-12: primaries, transfer and matrix 1 (BT.709), narrow range.
    assert film.count(b"colrnclx") == 1
    box = film[film.index(b"colrnclx") + 8 :]
    assert box[:7] == bytes([0, 1, 0, 1, 0, 1, 0])
    (tmp_path / "film.mp4").write_bytes(film)
    command = [get_ffmpeg_exe(), "-hide_banner", "-i", "film.mp4", "-f", "null", "-"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True).stderr
    assert "yuv420p(tv, bt709, " in told  # of the stream itself; three names if they differed


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    frames = np.zeros((3, 32, 32, 4), np.uint8)
    frames[:, :, 16:] = (0, 0, 0, 255)
    *_, shown = played(encode(frames), tmp_path)
    assert shown[0, 16, 4].min() >= 253
    assert shown[0, 16, 28].max() <= 2


def test_the_same_frames_are_the_same_bytes_and_tell_their_recipe(tmp_path: Path) -> None:
    frames = smooth(5, 32, 32)
    film = encode(frames)
    assert encode(frames) == film
    (tmp_path / "film.mp4").write_bytes(film)
    command = [get_ffmpeg_exe(), "-v", "error", "-i", "film.mp4", "-f", "ffmetadata", "out.txt"]
    subprocess.run(command, cwd=tmp_path, check=True)
    text = (tmp_path / "out.txt").read_text()
    comment = text.partition("comment=")[2].replace("\\", "")
    assert json.dumps(RECIPE["keyframes"], separators=(",", ":")) in comment
