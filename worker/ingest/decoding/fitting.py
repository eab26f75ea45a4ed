"""Fits a decoded image to the shape of the dataset: cropped, padded or stretched."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image
from PIL.Image import Resampling, Transpose

from worker.ingest.decoding.levels import Levels, Pixels, Values
from worker.ingest.decoding.rasters import Raster, array_raster, bands_of
from worker.ingest.errors import Rejected
from worker.ingest.request import ImageShape

MIN_SIDE = 8
MAX_ENLARGEMENT = 4
REDUCING_GAP = 3.0  # Pillow's documentation: indistinguishable from resampling every pixel
SIDEWAYS = (
    Transpose.TRANSPOSE,
    Transpose.ROTATE_90,
    Transpose.TRANSVERSE,
    Transpose.ROTATE_270,
)
MODES = {"rgb": "RGB", "grey": "L", "rgba": "RGBA"}
CHANNELS = {"rgb": 3, "grey": 1, "rgba": 4}
# Modes for resampling, with colours multiplied by alpha: transparent pixels do not add their
# colour.
PREMULTIPLIED = {"LA": "La", "RGBA": "RGBa"}


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raise Rejected for an image that has more pixels than may be decoded."""
    if width * height > max_pixels:
        raise Rejected(
            f"too many pixels: {width} × {height}, at most {max_pixels:,} (MOGGY_MAX_PIXELS)",
            width=width,
            height=height,
            max_pixels=max_pixels,
        )


def check_size(width: int, height: int, shape: ImageShape) -> None:
    """Raise Rejected for an image that would be enlarged more than fourfold."""
    least_width, least_height = (
        max(MIN_SIDE, math.ceil(side / MAX_ENLARGEMENT)) for side in (shape.width, shape.height)
    )
    if width < least_width or height < least_height:
        raise Rejected(
            f"too small: {width} × {height}, at least {least_width} × {least_height} for "
            f"pictures of {shape}",
            width=width,
            height=height,
            least_width=least_width,
            least_height=least_height,
        )


def is_enlarged(width: int, height: int, shape: ImageShape) -> bool:
    """Whether an image of this size is enlarged to fit the shape."""
    is_narrower, is_lower = width < shape.width, height < shape.height
    return (is_narrower and is_lower) if shape.fit == "pad" else (is_narrower or is_lower)


def least_decoded_size(image_size: tuple[int, int], shape: ImageShape) -> tuple[int, int]:
    """The smallest dimensions at which an image can be decoded without a loss in the dataset.

    They also suffice for an image that is turned by 90°.
    """
    side = math.ceil(max(shape.width, shape.height) * REDUCING_GAP)
    if shape.fit != "pad":
        return side, side
    longest = max(image_size)
    width, height = (max(1, math.ceil(length * side / longest)) for length in image_size)
    return width, height


def fit_raster(
    raster: Raster,
    shape: ImageShape,
    levels: Levels,
    turn: Transpose | None = None,
    to_srgb: Callable[[Image.Image], Image.Image] | None = None,
) -> Pixels:
    """(height, width, C), turned by `turn`; C follows `shape.channels`.

    With auto, C follows the image, and is 1 where all channels are equal. `to_srgb` is applied
    after resizing: resampling changes colours little, and a large image takes long to convert.
    """
    small = _resize(raster, shape, levels, turn in SIDEWAYS)
    small = to_srgb(small) if to_srgb is not None else small
    if small.mode not in ("L", "LA", "RGB", "RGBA"):
        small = small.convert("RGB")
    small = _pad(small if turn is None else small.transpose(turn), shape)
    pixels = np.asarray(_to_final_mode(small, shape.channels))
    if pixels.ndim == 2:
        return pixels[..., None]
    return _grey_if_colourless(pixels) if shape.channels == "auto" else pixels


def fit_values(values: Values, shape: ImageShape, levels: Levels) -> Pixels:
    """`fit_raster` for an image (H, W, C) from an array."""
    return fit_raster(array_raster(values), shape, levels)


def pixels_if_fitting(pixels: Pixels, shape: ImageShape) -> Pixels | None:
    """The result of `fit_values` if it needs no resampling and no change of colours, else None."""
    height, width, channels = pixels.shape
    if (height, width) != (shape.height, shape.width):
        return None
    if shape.channels == "auto":
        return None if channels == 4 else _grey_if_colourless(pixels)
    return pixels if channels == CHANNELS[shape.channels] else None


def _grey_if_colourless(pixels: Pixels) -> Pixels:
    """(H, W, C) -> (H, W, 1) where all channels are equal."""
    if pixels.shape[2] > 1 and (pixels == pixels[..., :1]).all():
        return np.ascontiguousarray(pixels[..., :1])
    return pixels


def _resize(raster: Raster, shape: ImageShape, levels: Levels, is_sideways: bool) -> Image.Image:
    """The kept part at its dimensions in the dataset, before it is turned."""
    width, height = raster.size
    target = (shape.width, shape.height)
    if is_sideways:
        target = (shape.height, shape.width)
    left, top, kept_width, kept_height = 0.0, 0.0, float(width), float(height)
    if shape.fit == "crop":
        is_wider = width * target[1] > height * target[0]
        kept_width = height * target[0] / target[1] if is_wider else kept_width
        kept_height = kept_height if is_wider else width * target[1] / target[0]
        left, top = (width - kept_width) / 2, (height - kept_height) / 2
    elif shape.fit == "pad":
        scale = min(target[0] / width, target[1] / height)
        target = max(1, round(width * scale)), max(1, round(height * scale))
    across = max(1, int(kept_width / target[0] / REDUCING_GAP))
    down = max(1, int(kept_height / target[1] / REDUCING_GAP))
    image = _reduce(raster, levels, across, down)
    box = (left / across, top / down, (left + kept_width) / across, (top + kept_height) / down)
    if box == (0, 0, *target) and image.size == target:
        return image
    premultiplied = PREMULTIPLIED.get(image.mode)
    if premultiplied is not None:
        image = image.convert(premultiplied)
    small = image.resize(target, Resampling.LANCZOS, box)
    return small.convert(raster.mode) if small.mode != raster.mode else small


def _reduce(raster: Raster, levels: Levels, across: int, down: int) -> Image.Image:
    """Average blocks of `across` × `down` pixels, in bands: no copy is as large as the image."""
    width, height = raster.size
    if across == down == 1:
        return raster.band(0, height, levels)
    mode = PREMULTIPLIED.get(raster.mode, raster.mode)
    small = Image.new(mode, (math.ceil(width / across), math.ceil(height / down)))
    for top, bottom in bands_of(raster.size, down):
        band = raster.band(top, bottom, levels)
        band = band if band.mode == mode else band.convert(mode)
        small.paste(band.reduce((across, down)), (0, top // down))
    return small


def _pad(small: Image.Image, shape: ImageShape) -> Image.Image:
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
