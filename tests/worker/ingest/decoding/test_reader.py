import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from worker.ingest.decoding.levels import Levels
from worker.ingest.decoding.reader import Reader, set_pillow_limits
from worker.ingest.errors import Rejected
from worker.ingest.request import ImageShape

MAX_PIXELS = 1 << 20
ORIENTATION = 0x0112


@pytest.fixture(autouse=True)
def _limits() -> None:
    set_pillow_limits()


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def fit(
    data: bytes,
    size: int | tuple[int, int] = 32,
    fit: str = "crop",
    channels: str = "auto",
) -> np.ndarray:
    """`size` is a side, or (width, height)."""
    width, height = size if isinstance(size, tuple) else (size, size)
    shape = ImageShape(width, height, fit, channels)
    return Reader(shape, MAX_PIXELS, Levels()).fit(io.BytesIO(data)).pixels


def gradient(width: int, height: int) -> Image.Image:
    """Red grows to the right, green downwards: every corner has its own colour."""
    red = np.linspace(0, 255, width)[None].repeat(height, 0)
    green = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack([red, green, np.full_like(red, 99)], 2).astype(np.uint8))


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("JPEG", {"quality": 95}, 8),
        ("GIF", {}, 24),
    ],
)
def test_every_format_gives_the_picture(kind: str, options: dict[str, Any], tolerance: int) -> None:
    image = gradient(32, 32)
    pixels = fit(encode(image, kind, **options))
    assert np.abs(pixels.astype(int) - np.asarray(image)).max() <= tolerance


def test_a_gif_gives_its_first_frame() -> None:
    first, second = Image.new("RGB", (32, 32), "red"), Image.new("RGB", (32, 32), "blue")
    data = encode(first, "GIF", save_all=True, append_images=[second])
    assert fit(data)[0, 0].tolist() == [255, 0, 0]


def test_a_palette_gives_its_colours() -> None:
    image = Image.new("P", (32, 32), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    assert fit(encode(image))[5, 5].tolist() == [10, 200, 30]


def test_a_transparent_palette_entry_is_white() -> None:
    image = Image.new("P", (32, 32), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    image.paste(0, (0, 0, 16, 32))
    pixels = fit(encode(image, transparency=0))
    assert pixels[5, 4].tolist() == [255, 255, 255]
    assert pixels[5, 28].tolist() == [10, 200, 30]


def test_a_transparent_colour_is_white() -> None:
    image = Image.new("RGB", (32, 32), (1, 2, 3))
    assert fit(encode(image, transparency=(1, 2, 3)))[0, 0].tolist() == [255]


def test_alpha_is_laid_over_white() -> None:
    pixels = fit(encode(Image.new("RGBA", (32, 32), (200, 0, 0, 128))))
    assert np.abs(pixels[3, 3].astype(int) - [227, 127, 127]).max() <= 1


def test_hidden_colour_does_not_bleed_into_a_resized_edge() -> None:
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 32, 64))
    pixels = fit(encode(image)).astype(int)
    assert (pixels[..., 2] >= 250).all()  # blue on white: blue is full everywhere
    assert (pixels[..., 0] - pixels[..., 1] <= 2).all()  # and no red of its own shows


def test_grey_with_alpha_stays_grey() -> None:
    assert fit(encode(Image.new("LA", (32, 32), (0, 128))))[0, 0].tolist() == [127]


def test_rgba_is_kept_on_request() -> None:
    pixels = fit(encode(Image.new("RGBA", (32, 32), (200, 0, 0, 128))), channels="rgba")
    assert pixels[3, 3].tolist() == [200, 0, 0, 128]
    assert fit(encode(gradient(32, 32)), channels="rgba").shape == (32, 32, 4)


def test_16_bits_are_scaled_not_clipped() -> None:
    values = np.linspace(0, 65535, 32, dtype=np.uint16)[None].repeat(32, 0)
    pixels = fit(encode(Image.fromarray(values)))
    assert pixels[0, :, 0].tolist() == (values[0] >> 8).tolist()


def test_cmyk_gives_its_colours() -> None:
    image = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    assert np.abs(fit(encode(image, "JPEG"))[0, 0].astype(int) - [255, 0, 0]).max() <= 4


def test_one_bit_gives_black_and_white() -> None:
    image = Image.new("1", (32, 32), 1)
    image.paste(0, (0, 0, 16, 32))
    assert fit(encode(image))[0, [0, 31], 0].tolist() == [0, 255]


def test_a_colour_profile_does_no_harm() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = gradient(32, 32)
    assert np.array_equal(fit(encode(image, icc_profile=profile)), np.asarray(image))


@pytest.mark.parametrize(
    ("mode", "channels", "count"),
    [
        ("L", "auto", 1),
        ("RGB", "auto", 1),
        ("L", "rgb", 3),
        ("L", "rgba", 4),
        ("RGB", "grey", 1),
        ("RGBA", "grey", 1),
    ],
)
def test_channels_are_as_requested(mode: str, channels: str, count: int) -> None:
    assert fit(encode(Image.new(mode, (32, 32), "gray")), channels=channels).shape[2] == count


@pytest.mark.parametrize("size", [32, (48, 32), (32, 80)])
@pytest.mark.parametrize("mode", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_rotated_photo_stands_upright(
    mode: str, orientation: int, size: int | tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encode(gradient(90, 61), exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
    difference = fit(data, size, mode).astype(int) - fit(encode(upright), size, mode)
    assert np.abs(difference).max() <= 1


def test_damaged_exif_does_no_harm() -> None:
    data = encode(gradient(32, 32), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    assert fit(data).shape == (32, 32, 3)


def test_crop_keeps_the_centre_square() -> None:
    image = Image.new("RGB", (96, 32), "red")
    image.paste((0, 0, 255), (32, 0, 64, 32))
    assert (fit(encode(image)) == [0, 0, 255]).all()


def test_an_oblong_crop_keeps_the_centre() -> None:
    image = Image.new("RGB", (96, 96), "red")
    image.paste((0, 0, 255), (0, 18, 96, 78))
    pixels = fit(encode(image), size=(64, 32))
    assert pixels.shape == (32, 64, 3)
    assert (pixels == [0, 0, 255]).all()
    assert (fit(encode(image), size=(32, 64))[[0, -1]] == [255, 0, 0]).all()


def test_an_oblong_pad_keeps_the_whole() -> None:
    pixels = fit(encode(Image.new("RGB", (64, 64), "red")), size=(96, 32), fit="pad")
    assert pixels.shape == (32, 96, 3)
    assert (pixels[:, 32:64] == [255, 0, 0]).all()
    assert (pixels[:, :32] == 255).all()
    assert (pixels[:, 64:] == 255).all()


def test_a_picture_too_small_for_an_oblong_shape_is_refused() -> None:
    reason = r"^too small: 63 × 400, at least 64 × 16 for pictures of 256 × 64$"
    with pytest.raises(Rejected, match=reason):
        fit(encode(Image.new("RGB", (63, 400))), size=(256, 64))
    assert fit(encode(Image.new("RGB", (64, 16))), size=(256, 64)).shape == (64, 256, 1)


def test_pad_letterboxes_in_white() -> None:
    pixels = fit(encode(Image.new("RGB", (128, 64), "red")), fit="pad")
    assert (pixels[[0, 7, 24, 31]] == 255).all()
    assert (pixels[8:24] == [255, 0, 0]).all()


def test_pad_keeps_a_line_of_an_extreme_picture() -> None:
    pixels = fit(encode(Image.new("RGB", (4000, 8), "red")), fit="pad")
    assert (pixels == [255, 0, 0]).all(axis=2).sum() == 32


def test_stretch_keeps_every_edge() -> None:
    pixels = fit(encode(gradient(200, 50)), fit="stretch").astype(int)
    assert pixels[0, 0, :2].max() < 16
    assert pixels[-1, -1, :2].min() > 240


def test_a_huge_jpeg_is_like_its_full_decoding() -> None:
    rows = np.add.outer(np.arange(1000), np.arange(1000)) % 256
    image = Image.fromarray(rows.astype(np.uint8)).resize((1000, 1000)).convert("RGB")
    data = encode(image, "JPEG", quality=95)
    full = Image.open(io.BytesIO(data)).resize((32, 32), Image.Resampling.LANCZOS)
    difference = fit(data, channels="rgb").astype(int) - np.asarray(full)
    assert np.abs(difference).mean() < 2


def test_a_small_picture_is_enlarged() -> None:
    assert fit(encode(gradient(28, 28)), size=64).shape == (64, 64, 3)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    header = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body


@pytest.mark.parametrize("side", [1025, 1300, 2000, 60_000])
def test_too_many_pixels_are_refused_by_the_header(side: int) -> None:
    with pytest.raises(Rejected, match=f"^too many pixels: {side} × {side}, at most 1,048,576"):
        fit(png_of(side, side))


@pytest.mark.parametrize(("size", "side", "least"), [(32, 7, 8), (64, 15, 16), (128, 31, 32)])
def test_a_picture_too_small_is_refused(size: int, side: int, least: int) -> None:
    with pytest.raises(Rejected, match=f"^too small: 400 × {side}, at least {least} × {least}"):
        fit(encode(Image.new("RGB", (400, side))), size=size)
    assert fit(encode(Image.new("RGB", (400, least))), size=size).shape[:2] == (size, size)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "JPEG", "GIF"])
def test_a_cut_picture_is_called_truncated(kind: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    data = encode(Image.fromarray(pixels), kind)
    for part in (0.4, 0.98):
        with pytest.raises(Rejected, match=r"^truncated"):
            fit(data[: int(len(data) * part)])


SEVERAL = {"save_all": True, "append_images": [gradient(48, 48).rotate(90)]}


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        *((kind, "RGB", {}) for kind in ("PNG", "BMP", "WEBP", "JPEG", "GIF", "TIFF", "AVIF")),
        *((kind, "P", {}) for kind in ("PNG", "BMP", "TIFF")),
        *((kind, "RGB", SEVERAL) for kind in ("PNG", "WEBP", "GIF", "TIFF")),
    ],
)
def test_no_damage_does_more_than_reject(kind: str, mode: str, options: dict[str, Any]) -> None:
    data = bytearray(encode(gradient(48, 48).convert(mode), kind, **options))
    random = np.random.default_rng(7)
    for _ in range(150):
        damaged = bytearray(data)
        for offset in random.integers(16, len(data), 4):
            damaged[offset] = random.integers(256)
        cut = int(random.integers(16, len(data) + 1))
        try:
            assert fit(bytes(damaged[:cut])).shape[:2] == (32, 32)
        except Rejected as rejected:
            assert str(rejected)  # noqa: PT017  either outcome is right, any other error is not


def test_a_gif_that_is_cut_in_its_second_frame_gives_the_first() -> None:
    whole = fit(encode(gradient(48, 48), "GIF"))
    data = encode(gradient(48, 48), "GIF", duration=50, **SEVERAL)
    second = data.rindex(b"!\xf9\x04")  # the graphic control extension of the second frame
    for end in range(second + 1, second + 40):
        assert np.array_equal(fit(data[:end]), whole)


def test_a_png_whose_palette_is_missing_is_called_damaged() -> None:
    data = encode(gradient(48, 48).convert("P"))
    start = data.index(b"PLTE") - 4
    length = int.from_bytes(data[start : start + 4], "big") + 12
    with pytest.raises(Rejected, match=r"^damaged: a PNG with palette indices and no palette$"):
        fit(data[:start] + data[start + length :])


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG", "GIF"])
def test_a_picture_cut_in_its_header_is_not_called_foreign(kind: str) -> None:
    with pytest.raises(Rejected, match=r"^truncated"):
        fit(encode(gradient(64, 64), kind)[:30])


def test_a_text_that_begins_like_a_bmp_is_no_image() -> None:
    with pytest.raises(Rejected, match=r"^not an image"):
        fit(b"BMW and other makers" * 20)


def test_the_same_bytes_give_the_same_pixels(png: Callable[[int], bytes]) -> None:
    assert np.array_equal(fit(png(1)), fit(png(1)))
