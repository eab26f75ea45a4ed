"""From a decoded picture of any shape to the dataset's: cropped, padded or stretched."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling, Transpose

from worker.ingest.errors import Rejected
from worker.ingest.request import PictureShape

Pixels = NDArray[np.uint8]  # (H, W, C)

MIN_SIDE = 8
MAX_ENLARGEMENT = 4
REDUCING_GAP = 3.0  # Pillow: indistinguishable from resampling every pixel
SIDEWAYS = (
    Transpose.TRANSPOSE,
    Transpose.ROTATE_90,
    Transpose.TRANSVERSE,
    Transpose.ROTATE_270,
)
MODES = {"rgb": "RGB", "grey": "L", "rgba": "RGBA"}
CHANNELS = {"rgb": 3, "grey": 1, "rgba": 4}


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raise Rejected for a picture that is too large to be decoded."""
    if width * height > max_pixels:
        raise Rejected(
            f"too many pixels: {width} × {height}, at most {max_pixels:,} (MOGGY_MAX_PIXELS)"
        )


def check_size(width: int, height: int, shape: PictureShape) -> None:
    """Raise Rejected for a picture that would have to be enlarged beyond recognition."""
    least_width, least_height = (
        max(MIN_SIDE, math.ceil(side / MAX_ENLARGEMENT)) for side in (shape.width, shape.height)
    )
    if width < least_width or height < least_height:
        raise Rejected(
            f"too small: {width} × {height}, at least {least_width} × {least_height} for "
            f"pictures of {shape}"
        )


def enough(image_size: tuple[int, int], shape: PictureShape) -> tuple[int, int]:
    """The dimensions below which decoding small would be seen in the result, either way up."""
    side = math.ceil(max(shape.width, shape.height) * REDUCING_GAP)
    if shape.fit != "pad":
        return side, side
    longest = max(image_size)
    width, height = (max(1, math.ceil(one * side / longest)) for one in image_size)
    return width, height


def fit_image(image: Image.Image, shape: PictureShape, turn: Transpose | None = None) -> Pixels:
    """(height, width, C) with C by `channels`, or by the picture for auto; turned by `turn`.

    With auto, a picture whose channels are all equal has one.
    """
    fitted = _fit(_to_working_mode(image, shape.channels), shape, turn)
    pixels = np.asarray(_to_final_mode(fitted, shape.channels))
    if pixels.ndim == 2:
        return pixels[..., None]
    return _without_colour(pixels) if shape.channels == "auto" else pixels


def fit_pixels(pixels: Pixels, shape: PictureShape) -> Pixels:
    """As `fit_image` does, for a picture that came as an array."""
    return fit_image(Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels), shape)


def if_fitting(pixels: Pixels, shape: PictureShape) -> Pixels | None:
    """What `fit_pixels` would give, where that takes no resampling and no change of colours."""
    height, width, channels = pixels.shape
    if (height, width) != (shape.height, shape.width):
        return None
    if shape.channels == "auto":
        return None if channels == 4 else _without_colour(pixels)
    return pixels if channels == CHANNELS[shape.channels] else None


def _without_colour(pixels: Pixels) -> Pixels:
    if pixels.shape[2] > 1 and (pixels == pixels[..., :1]).all():
        return np.ascontiguousarray(pixels[..., :1])
    return pixels


def _to_working_mode(image: Image.Image, channels: str) -> Image.Image:
    """L, LA, RGB or RGBA: what can be resampled, with no less than `channels` asks for."""
    if image.mode.startswith("I"):  # 16 bits; like Pillow's 16-bit colour, the high byte counts
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    alpha = image.has_transparency_data
    if image.mode in ("1", "L", "LA", "La"):
        mode = "LA" if alpha else "L"
    else:
        mode = "RGBA" if alpha or channels == "rgba" else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _fit(image: Image.Image, shape: PictureShape, turn: Transpose | None) -> Image.Image:
    """Turned when already small, padded only then: all pads are even."""
    width, height = image.size
    target = (shape.width, shape.height)
    if turn in SIDEWAYS:
        target = (shape.height, shape.width)
    box = (0.0, 0.0, float(width), float(height))
    if shape.fit == "crop":
        wide = width * target[1] > height * target[0]
        kept_width = height * target[0] / target[1] if wide else width
        kept_height = height if wide else width * target[1] / target[0]
        left, top = (width - kept_width) / 2, (height - kept_height) / 2
        box = (left, top, left + kept_width, top + kept_height)
    elif shape.fit == "pad":
        scale = min(target[0] / width, target[1] / height)
        target = max(1, round(width * scale)), max(1, round(height * scale))
    small = image.resize(target, Resampling.LANCZOS, box, REDUCING_GAP)
    if turn is not None:
        small = small.transpose(turn)
    if small.size == (shape.width, shape.height):
        return small
    canvas = Image.new(small.mode, (shape.width, shape.height), "white")
    canvas.paste(small, ((shape.width - small.width) // 2, (shape.height - small.height) // 2))
    return canvas


def _to_final_mode(image: Image.Image, channels: str) -> Image.Image:
    if channels != "rgba" and image.mode in ("LA", "RGBA"):
        opaque = image.mode[:-1]
        white = Image.new(opaque, image.size, "white")
        white.paste(image.convert(opaque), mask=image.getchannel("A"))
        image = white
    return image if channels == "auto" else image.convert(MODES[channels])
