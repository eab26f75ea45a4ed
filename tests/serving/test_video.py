"""MP4: decoded again by ffmpeg, the frames nearly equal those encoded."""

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
    """The codec, the frame rate, and the frames (F, H, W, 3)."""
    (folder / "film.mp4").write_bytes(film)
    command = [get_ffmpeg_exe(), "-i", "film.mp4", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    stream = re.search(r"Video: (\w+).*?, (\d+)x(\d+).*?, ([\d.]+) fps", done.stderr.decode())
    assert stream is not None, done.stderr
    width, height = int(stream[2]), int(stream[3])
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)
    return stream[1], float(stream[4]), frames


def smooth(frames: int, height: int, width: int) -> np.ndarray:
    """(F, H, W, 3): smooth gradients, which compress as faces do, unlike noise."""
    down, across = np.mgrid[:height, :width]
    times = np.linspace(0, 3, frames)[:, None, None]
    waves = [np.sin(down / 9 + times), np.cos(across / 11 - times), np.sin(times + across / 17)]
    return (127.5 + 100 * np.stack(np.broadcast_arrays(*waves), axis=-1)).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (31, 45)])
def test_it_has_every_frame_nearly_unchanged_at_the_frame_rate(
    tmp_path: Path, height: int, width: int
) -> None:
    frames = smooth(24, height, width)
    codec, fps, shown = played(encode(frames, fps=12), tmp_path)
    assert (codec, fps) == ("h264", 12)
    assert shown.shape == (24, height + height % 2, width + width % 2, 3)
    error = np.abs(shown[:, :height, :width].astype(int) - frames)
    assert error.mean() < 4


def test_the_file_declares_its_colour_space(tmp_path: Path) -> None:
    film = encode(smooth(5, 32, 32))
    # The colour box of ISO/IEC 14496-12: primaries, transfer and matrix 1 (BT.709), narrow range.
    assert film.count(b"colrnclx") == 1
    box = film[film.index(b"colrnclx") + 8 :]
    assert box[:7] == bytes([0, 1, 0, 1, 0, 1, 0])
    (tmp_path / "film.mp4").write_bytes(film)
    command = [get_ffmpeg_exe(), "-hide_banner", "-i", "film.mp4", "-f", "null", "-"]
    output = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, text=True)
    # The stream itself says so too; ffmpeg would print three names if they differed.
    assert "yuv420p(tv, bt709, " in output.stderr


def test_transparent_pixels_are_white(tmp_path: Path) -> None:
    frames = np.zeros((3, 32, 32, 4), np.uint8)
    frames[:, :, 16:] = (0, 0, 0, 255)
    *_, shown = played(encode(frames), tmp_path)
    assert shown[0, 16, 4].min() >= 253
    assert shown[0, 16, 28].max() <= 2


def test_equal_frames_give_equal_bytes_that_carry_the_recipe(tmp_path: Path) -> None:
    frames = smooth(5, 32, 32)
    film = encode(frames)
    assert encode(frames) == film
    (tmp_path / "film.mp4").write_bytes(film)
    command = [get_ffmpeg_exe(), "-v", "error", "-i", "film.mp4", "-f", "ffmetadata", "out.txt"]
    subprocess.run(command, cwd=tmp_path, check=True)
    text = (tmp_path / "out.txt").read_text()
    comment = text.partition("comment=")[2].replace("\\", "")
    assert json.dumps(RECIPE["keyframes"], separators=(",", ":")) in comment
