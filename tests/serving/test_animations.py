"""Animations: WebP and APNG are lossless, a GIF does not flicker, and frame times are exact."""

import io
import json
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from app.serving.animations import encode_animation

RECIPE = {"model": "cats", "keyframes": [{"seed": 7}, {"seed": 42}]}


def fade(frames: int, channels: int = 3) -> np.ndarray:
    """(F, 32, 32, C): one noise picture that fades into another."""
    ends = np.random.default_rng(0).integers(0, 256, (2, 32, 32, channels))
    share = np.linspace(0, 1, frames)[:, None, None, None]
    faded: np.ndarray = ((1 - share) * ends[0] + share * ends[1]).astype(np.uint8)
    return faded


def played(data: bytes) -> tuple[Image.Image, list[np.ndarray], list[int]]:
    image = Image.open(io.BytesIO(data))
    frames, durations = [], []
    for index in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(index)
        frames.append(np.asarray(image.convert("RGB")))
        durations.append(image.info["duration"])
    return image, frames, durations


def palettes(gif: bytes) -> int:
    """The number of colour tables in the blocks of the file."""

    def table(flags: int) -> int:
        return 3 << (1 + (flags & 7)) if flags & 0x80 else 0

    def skip_sub_blocks(offset: int) -> int:
        while gif[offset]:
            offset += 1 + gif[offset]
        return offset + 1

    tables, offset = int(gif[10] >= 0x80), 13 + table(gif[10])
    while gif[offset] != 0x3B:
        if gif[offset] == 0x21:  # an extension
            offset = skip_sub_blocks(offset + 2)
        else:  # a frame
            flags = gif[offset + 9]
            tables += flags >= 0x80
            offset = skip_sub_blocks(offset + 10 + table(flags) + 1)
    return tables


def encode(frames: np.ndarray, file_format: str, fps: float = 20, repeat: bool = False) -> bytes:
    return encode_animation(frames, file_format, RECIPE, fps=fps, repeat=repeat)


@pytest.mark.parametrize("file_format", ["webp", "apng"])
@pytest.mark.parametrize("channels", [1, 3])
def test_webp_and_apng_are_lossless(file_format: str, channels: int) -> None:
    frames = fade(30, channels)
    _, decoded, _ = played(encode(frames, file_format))
    assert len(decoded) == 30
    assert np.array_equal(np.stack(decoded), np.broadcast_to(frames, (30, 32, 32, 3)))


@pytest.mark.parametrize("file_format", ["webp", "apng"])
def test_webp_and_apng_keep_alpha(file_format: str) -> None:
    frames = fade(10, 4)
    frames[2:6, :8, :, 3] = 0
    frames[frames[..., 3] == 0] = 0
    image = Image.open(io.BytesIO(encode(frames, file_format)))
    decoded = []
    for index in range(10):
        image.seek(index)
        assert image.mode == "RGBA"
        decoded.append(np.asarray(image))
    assert np.array_equal(np.stack(decoded), frames)


def test_gif_shows_transparent_pixels_on_white() -> None:
    frames = np.zeros((4, 48, 80, 4), np.uint8)
    frames[:, :, :40] = (200, 0, 0, 255)
    frames[:, :24, 40:] = [[[(0, 0, 0, alpha)]] for alpha in (64, 128, 192, 255)]
    image, decoded, _ = played(encode(frames, "gif"))
    assert image.size == (80, 48)
    assert "transparency" not in image.info
    for frame, grey in zip(decoded, (191, 127, 63, 0), strict=True):
        assert np.abs(frame[8, 8].astype(int) - (200, 0, 0)).max() <= 2
        assert np.abs(frame[8, 60].astype(int) - grey).max() <= 2
        assert (frame[40, 60] == 255).all()


def test_webp_carries_the_recipe() -> None:
    image, _, _ = played(encode(fade(3), "webp"))
    comment = image.getexif().get_ifd(0x8769)[0x9286]
    assert json.loads(comment.removeprefix(b"ASCII\0\0\0")) == RECIPE


def test_gif_carries_the_recipe() -> None:
    image, _, _ = played(encode(fade(3), "gif"))
    assert json.loads(image.info["comment"]) == RECIPE


@pytest.mark.parametrize("channels", [1, 3])
def test_gif_has_one_palette_and_still_parts_do_not_flicker(channels: int) -> None:
    frames = fade(20, channels)
    frames[:, :8] = frames[0, :8]  # a still part
    data = encode(frames, "gif")
    assert palettes(data) == 1
    _, decoded, _ = played(data)
    assert len(decoded) == 20
    assert all(np.array_equal(frame[:8], decoded[0][:8]) for frame in decoded)
    error = np.abs(np.stack(decoded).astype(int) - frames)
    assert error.mean() < (4 if channels == 1 else 40)  # 256 colours for RGB noise


@pytest.mark.parametrize(("file_format", "tick"), [("webp", 1), ("apng", 1), ("gif", 10)])
def test_the_frames_last_as_long_as_the_frame_rate_says(file_format: str, tick: int) -> None:
    _, _, durations = played(encode(fade(60), file_format, fps=24))
    assert sum(durations) == 2500
    assert max(durations) - min(durations) <= tick


@pytest.mark.parametrize("file_format", ["webp", "apng", "gif"])
def test_it_plays_once_or_for_ever(file_format: str) -> None:
    once, _, _ = played(encode(fade(4), file_format))
    for_ever, _, _ = played(encode(fade(4), file_format, repeat=True))
    assert once.info.get("loop") == (None if file_format == "gif" else 1)
    assert for_ever.info["loop"] == 0


EQUAL: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "all": lambda frames: np.repeat(frames[:1], 5, axis=0),
    "some": lambda frames: frames[[0, 0, 1, 2, 2]],
    "the last": lambda frames: frames[[0, 1, 2, 3, 3]],
}


@pytest.mark.parametrize("file_format", ["webp", "apng", "gif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("equal", EQUAL)
def test_equal_frames_are_stored_with_their_durations(
    equal: str, channels: int, file_format: str
) -> None:
    frames = EQUAL[equal](fade(4, channels))
    _, decoded, durations = played(encode(frames, file_format))
    assert (len(decoded), durations) == (5, [50] * 5)
    shown = np.stack(decoded)
    for first, second in pairwise(range(5)):
        same = np.array_equal(frames[first], frames[second])
        assert np.array_equal(shown[first], shown[second]) == same


@pytest.mark.parametrize("file_format", ["apng", "gif"])  # this ffmpeg reads no animated WebP
def test_ffmpeg_shows_every_frame(file_format: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{file_format}"
    path.write_bytes(encode(EQUAL["some"](fade(4)), file_format, fps=20))
    command = [get_ffmpeg_exe(), "-v", "error", "-i", path, "-fps_mode", "passthrough"]
    command += ["-f", "framecrc", "-"]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert len([line for line in output.splitlines() if not line.startswith("#")]) == 5


@pytest.mark.parametrize("fps", [29.97, 1, 7, 23.976, 50])
@pytest.mark.parametrize(("file_format", "tick"), [("webp", 1), ("apng", 1), ("gif", 10)])
def test_the_times_never_drift_from_the_frame_rate(file_format: str, tick: int, fps: float) -> None:
    _, _, durations = played(encode(fade(31), file_format, fps=fps))
    ends = np.cumsum(durations)
    assert np.abs(ends - 1000 * np.arange(1, 32) / fps).max() <= tick / 2 + 1e-9


def test_a_strip_keeps_alpha() -> None:
    frames = fade(5, 4)
    strip = np.asarray(Image.open(io.BytesIO(encode(frames, "strip"))))
    assert np.array_equal(strip, np.concatenate(list(frames), axis=1))


def test_a_strip_holds_the_frames_side_by_side() -> None:
    frames = fade(5)
    strip = np.asarray(Image.open(io.BytesIO(encode(frames, "strip"))))
    assert strip.shape == (32, 160, 3)
    assert np.array_equal(strip[:, 64:96], frames[2])
