"""The pixels of a decoded image, read in bands of rows to keep working copies small.

A band is an image of 8 bits a channel in a mode that can be resampled: L, LA, RGB, RGBA, CMYK or
LAB.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from worker.ingest.decoding.levels import WHITE, Levels, Span, Values, depth_of, span_of

BAND_PIXELS = 1 << 20
UNPREMULTIPLIED = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA", "RGBX": "RGB"}
BAND_MODES = ("L", "LA", "RGB", "RGBA", "CMYK", "LAB")


class Raster(Protocol):
    """`mode` is the mode of its bands; `depth` is the type of the file's values, as `depth_of`."""

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def mode(self) -> str: ...

    @property
    def depth(self) -> str: ...

    def span(self) -> Span:
        """The lowest and the highest value of the colour channels."""
        ...

    def band(self, top: int, bottom: int, levels: Levels) -> Image.Image: ...


class ImageRaster:
    """Pixels that Pillow decoded to 8 bits a channel."""

    depth = "8-bit"

    def __init__(self, image: Image.Image) -> None:
        self._image = image
        self.size = image.size
        self.mode = _working_mode(image)

    def span(self) -> Span:
        if self.mode in ("CMYK", "LAB"):
            return 0.0, 255.0  # their values are not levels of red, green and blue
        if self._image.mode in ("L", "RGB"):
            return _span_of_channels(self._image.getextrema())
        bands = [
            _span_of_channels(self._crop(top, bottom).getextrema(), has_alpha=self.mode[-1] == "A")
            for top, bottom in bands_of(self.size)
        ]
        return min(low for low, _ in bands), max(high for _, high in bands)

    def band(self, top: int, bottom: int, levels: Levels) -> Image.Image:
        image = self._crop(top, bottom)
        if self.depth not in levels or self.mode in ("CMYK", "LAB"):
            return image
        table = levels.to_bytes(np.arange(256), self.depth).tolist()
        alpha = list(range(256)) if self.mode[-1] == "A" else []
        return image.point(table * len(self.mode.rstrip("A")) + alpha)

    def _crop(self, top: int, bottom: int) -> Image.Image:
        width, height = self.size
        image = self._image
        if (top, bottom) != (0, height):
            image = image.crop((0, top, width, bottom))
        return image if image.mode == self.mode else image.convert(self.mode)


def _working_mode(image: Image.Image) -> str:
    if image.mode in BAND_MODES and not image.has_transparency_data:
        return image.mode
    if image.mode in UNPREMULTIPLIED:
        return UNPREMULTIPLIED[image.mode]
    grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        return "LA" if grey else "RGBA"
    return "L" if grey else "RGB"


def _span_of_channels(extrema: object, *, has_alpha: bool = False) -> Span:
    """From Pillow's `getextrema`, without alpha."""
    spans = np.reshape(np.asarray(extrema), (-1, 2))
    if has_alpha:
        spans = spans[:-1]
    return float(spans[:, 0].min()), float(spans[:, 1].max())


@dataclass
class ValueRaster:
    """Values of any depth. `rows(top, bottom)` returns (h, W) or (h, W, C).

    With `has_alpha` the last channel is alpha. Pixels of the colour `colour_key` are transparent.
    """

    size: tuple[int, int]
    depth: str
    channels: int
    rows: Callable[[int, int], Values]
    has_alpha: bool = False
    colour_key: tuple[int, ...] | None = None

    @property
    def mode(self) -> str:
        colours = "RGB" if self.channels - self.has_alpha == 3 else "L"
        return colours + ("A" if self.has_alpha or self.colour_key is not None else "")

    def span(self) -> Span:
        spans = [span_of(self._split(*band)[0]) for band in bands_of(self.size)]
        return min(low for low, _ in spans), max(high for _, high in spans)

    def band(self, top: int, bottom: int, levels: Levels) -> Image.Image:
        colours, alpha = self._split(top, bottom)
        pixels = [levels.to_bytes(colours, self.depth)]
        if self.colour_key is not None:
            opaque = (colours != np.array(self.colour_key)).any(2, keepdims=True)
            pixels.append(opaque.astype(np.uint8) * 255)
        elif self.has_alpha:
            pixels.append(Levels().to_bytes(alpha, self.depth))
        joined = np.concatenate(pixels, 2) if len(pixels) > 1 else pixels[0]
        return Image.fromarray(joined[..., 0] if joined.shape[2] == 1 else joined)

    def _split(self, top: int, bottom: int) -> tuple[Values, Values]:
        """(h, W, colours) and alpha, (h, W, 1 or 0)."""
        values = np.atleast_3d(self.rows(top, bottom))
        colours = self.channels - self.has_alpha
        return values[..., :colours], values[..., colours:]


def array_raster(values: Values) -> ValueRaster:
    """The raster of an array (H, W, C); the fourth of four channels is alpha."""
    height, width, channels = values.shape
    return ValueRaster(
        (width, height),
        depth_of(values.dtype),
        channels,
        lambda top, bottom: values[top:bottom],
        has_alpha=channels == 4,
    )


def image_values(
    image: Image.Image, *, is_inverted: bool = False, colour_key: tuple[int, ...] | None = None
) -> ValueRaster:
    """The raster of an image whose pixels NumPy can read.

    The pixels are 16-bit values, floats, integers, or colours with a colour key. With
    `is_inverted`, 0 is white.
    """

    def rows(top: int, bottom: int) -> Values:
        values = np.asarray(image.crop((0, top, image.width, bottom)))
        return (white - values).astype(values.dtype) if is_inverted else values

    depth = depth_of(np.asarray(image.crop((0, 0, 1, 1))).dtype)
    white = WHITE.get(depth, 0.0)
    return ValueRaster(image.size, depth, len(image.getbands()), rows, False, colour_key)


def deep_colours(
    high: Image.Image,
    low: Image.Image,
    *,
    is_premultiplied: bool,
    colour_key: tuple[int, ...] | None,
) -> ValueRaster:
    """The raster of 16-bit colours, from an image of the high bytes and another of the low ones."""

    def rows(top: int, bottom: int) -> Values:
        box = (0, top, high.width, bottom)
        values = np.asarray(high.crop(box)).astype(np.uint16) << 8
        values |= np.asarray(low.crop(box))
        return _unpremultiplied(values) if is_premultiplied else values

    channels = len(high.getbands())
    return ValueRaster(high.size, "16-bit", channels, rows, channels == 4, colour_key)


def grey_with_alpha(image: Image.Image) -> ValueRaster:
    """The raster of grey and alpha of 16 bits, from an image of the four bytes of every pixel."""

    def rows(top: int, bottom: int) -> Values:
        pixels = np.asarray(image.crop((0, top, image.width, bottom)))
        return pixels.view(">u2").astype(np.uint16)

    return ValueRaster(image.size, "16-bit", 2, rows, has_alpha=True)


def apple_pixels(image: Image.Image) -> ValueRaster:
    """The raster of a CgBI PNG: red and blue are swapped, colours are multiplied by alpha."""

    def rows(top: int, bottom: int) -> Values:
        pixels = np.asarray(image.crop((0, top, image.width, bottom)))
        if pixels.shape[2] == 3:
            return pixels[..., ::-1]
        swapped = Image.fromarray(np.ascontiguousarray(pixels[..., [2, 1, 0, 3]]))
        return np.asarray(Image.frombytes("RGBa", swapped.size, swapped.tobytes()).convert("RGBA"))

    channels = len(image.getbands())
    return ValueRaster(image.size, "8-bit", channels, rows, channels == 4)


def _unpremultiplied(values: Values) -> Values:
    """(h, W, 4) of 16 bits, with the colours divided by alpha."""
    alpha = np.maximum(values[..., 3:], 1).astype(np.uint32)
    colours = np.minimum(values[..., :3].astype(np.uint32) * 65535 // alpha, 65535)
    return np.concatenate([colours.astype(np.uint16), values[..., 3:]], 2)


def bands_of(size: tuple[int, int], step: int = 1) -> list[tuple[int, int]]:
    """(top, bottom) of every band; their height is a multiple of `step`."""
    width, height = size
    rows = max(step, BAND_PIXELS // width // step * step)
    return [(top, min(top + rows, height)) for top in range(0, height, rows)]
