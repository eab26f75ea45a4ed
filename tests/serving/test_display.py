"""Enlarged pictures, contact sheets with captions, and sprite sheets with their map."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from app.serving.display import Display, encode_contact_sheet, encode_sprites
from models.samples import Pixels, Sample

RECIPE = {"model": "cats"}


def pictures(count: int, channels: int = 3) -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (count, 16, 24, channels), np.uint8)


def unpack(data: bytes) -> tuple[Image.Image, dict[str, object]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["sprites.png", "sprites.json"]
        image = Image.open(io.BytesIO(archive.read("sprites.png")))
        return image, json.loads(archive.read("sprites.json"))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_map_gives_the_position_of_every_sprite(channels: int) -> None:
    made = pictures(7, channels)
    image, atlas = unpack(encode_sprites(made, [Sample(seed) for seed in range(7)], 3, RECIPE))
    sheet = np.asarray(image).reshape(image.height, image.width, channels)
    frames = atlas["frames"]
    assert isinstance(frames, dict)
    assert list(frames) == [f"{index:04}" for index in range(7)]
    for index, frame in enumerate(frames.values()):
        x, y, w, h = (frame["frame"][key] for key in "xywh")
        assert np.array_equal(sheet[y : y + h, x : x + w], made[index])
        assert frame["seed"] == index
        assert "duration" not in frame
    meta = atlas["meta"]
    assert isinstance(meta, dict)
    assert (meta["image"], meta["size"]) == ("sprites.png", {"w": 72, "h": 48})
    assert meta["format"] == ("RGBA8888" if channels == 4 else "RGB888")
    assert json.loads(image.info["moggy"]) == RECIPE


def test_the_sprites_of_a_morph_are_an_animation() -> None:
    latents = [Sample(np.zeros(3, np.float32))] * 4
    _, atlas = unpack(encode_sprites(pictures(4), latents, 2, RECIPE, fps=25))
    assert atlas["animations"] == {"morph": ["0000", "0001", "0002", "0003"]}
    frames = atlas["frames"]
    assert isinstance(frames, dict)
    assert {frame["duration"] for frame in frames.values()} == {40}


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_contact_sheet_shows_every_picture_with_its_seed_below(channels: int) -> None:
    made = pictures(5, channels)
    made[..., 3:] = 255
    seeds = [Sample(seed) for seed in (0, 7, 42, 2**53 - 1, 3)]
    image = Image.open(io.BytesIO(encode_contact_sheet(made, seeds, 3, RECIPE)))
    sheet = np.asarray(image)
    across, down = (image.width - 4) // 3, (image.height - 4) // 2
    assert across > 24  # room for the longest number
    for index, picture in enumerate(made):
        left, top = 4 + index % 3 * across, 4 + index // 3 * down
        shown = sheet[top : top + 16, left : left + 24]
        assert np.array_equal(shown, np.broadcast_to(picture[..., :3], shown.shape))
        below = sheet[top + 16 : top + down - 4, left : left + across]
        assert below.min() < 128  # the caption
    first, second = (sheet[20:34, 4 + n * across : 4 + (n + 1) * across] for n in (0, 1))
    assert not np.array_equal(first, second)


NOISE = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_nearest_makes_each_pixel_a_square(channels: int) -> None:
    pixels = NOISE.integers(0, 256, (2, 28, 45, channels), np.uint8)
    large = Display(3, "nearest").enlarge(pixels)
    assert large.shape == (2, 84, 135, channels)
    for row, column in ((0, 0), (1, 2), (2, 1)):
        assert np.array_equal(large[:, row::3, column::3], pixels)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_lanczos_gives_the_size_requested_and_keeps_flat_colours(channels: int) -> None:
    pixels = np.full((1, 28, 45, channels), 77, np.uint8)
    if channels == 4:
        pixels[..., 3] = 255
    large = Display(2).enlarge(pixels)
    assert large.shape == (1, 56, 90, channels)
    assert np.array_equal(large, np.broadcast_to(pixels[:, :1, :1], large.shape))


def test_the_colour_of_transparent_pixels_does_not_bleed() -> None:
    pixels = np.zeros((1, 8, 8, 4), np.uint8)
    pixels[:, :, :4] = (255, 0, 0, 0)  # transparent red
    pixels[:, :, 4:] = (0, 0, 255, 255)
    large = Display(4).enlarge(pixels)[0]
    assert large[large[..., 3] > 16][:, 0].max() == 0


def test_at_scale_1_pictures_and_recipes_are_unchanged() -> None:
    pixels = NOISE.integers(0, 256, (1, 28, 28, 3), np.uint8)
    assert Display().enlarge(pixels) is pixels
    assert Display(1, "nearest").recipe() == {}
    assert Display(4, "nearest").recipe() == {"scale": 4, "resample": "nearest"}
