"""Large WebP images are scaled while they are decoded, the first frame of an animation too."""

import io
from typing import Any

import numpy as np
import pytest
from encoded_pictures import encode
from PIL import Image

from worker.ingest.decoding import webp
from worker.ingest.decoding.levels import Levels
from worker.ingest.decoding.reader import Reader
from worker.ingest.decoding.webp import first_frame
from worker.ingest.request import ImageShape

SIZE = 512


def gradient(mode: str) -> Image.Image:
    ramp = np.linspace(0, 255, SIZE).astype(np.uint8)
    channels = [*np.meshgrid(ramp, ramp), np.full((SIZE, SIZE), 99, np.uint8)]
    channels.append(np.meshgrid(ramp[::-1], ramp)[0] // 4 + 190)
    return Image.fromarray(np.stack(channels[: len(mode)], 2))


def animated(image: Image.Image, **options: Any) -> bytes:
    second = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return encode(image, "WEBP", save_all=True, append_images=[second], **options)


def fitted(data: bytes) -> np.ndarray:
    reader = Reader(ImageShape(32, 32, "crop", "rgba"), 1 << 20, Levels())
    pixels: np.ndarray = reader.fit(io.BytesIO(data)).pixels
    return pixels


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [False, True])
def test_the_first_frame_of_a_large_animation_is_scaled_like_a_still_image(
    mode: str, lossless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = animated(gradient(mode), lossless=lossless)
    whole = fitted(data)
    assert first_frame(data, (SIZE, SIZE)).startswith(b"RIFF")
    monkeypatch.setattr(webp, "SCALED_PIXELS", SIZE)
    monkeypatch.delattr("PIL.WebPImagePlugin.WebPImageFile._get_next")  # not decoded by Pillow
    assert np.abs(fitted(data).astype(int) - whole).max() <= 4


def test_a_first_frame_that_is_smaller_than_the_canvas_is_left_to_pillow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blank = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    blank.paste((200, 30, 40, 255), (100, 100, 200, 200))
    data = animated(blank, lossless=True)
    position = data.index(b"ANMF") + 8
    cropped = data[position + 6 : position + 12] != 2 * (SIZE - 1).to_bytes(3, "little")
    assert cropped == (first_frame(data, (SIZE, SIZE)) == b"")
    assert first_frame(data, (SIZE, SIZE + 1)) == b""
    whole = fitted(data)
    monkeypatch.setattr(webp, "SCALED_PIXELS", SIZE)
    assert np.abs(fitted(data).astype(int) - whole).max() <= 4


def test_data_without_a_frame_has_no_first_frame() -> None:
    assert first_frame(encode(gradient("RGB"), "WEBP"), (SIZE, SIZE)) == b""
    assert first_frame(b"RIFF", (1, 1)) == b""
