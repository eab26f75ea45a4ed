"""Thumbnails of refused files: what can be seen of them, for the report."""

from typing import Any

import numpy as np
from PIL import Image
from PIL.Image import Transpose

from worker.ingest.decoding.levels import Pixels

SIDE = 64  # pixels
PALETTES = ("1", "P", "PA")
COLOURS = ("L", "LA", "RGB", "RGBA", "RGBX", "La", "RGBa", "CMYK", "YCbCr", "LAB")


def thumbnail(image: Any, turn: Transpose | None = None) -> Pixels | None:
    """(SIDE, SIDE, 4) uint8 RGBA: an image of Pillow, in its proportions, on a transparent ground.

    Of a file whose decoding failed, it shows the pixels that were decoded before; None where there
    are none.
    """
    image.tile = []  # otherwise Pillow would begin to decode again
    try:
        shown = _eight_bits(image).convert("RGBA")
        scale = SIDE / max(shown.size)
        width, height = (max(1, round(length * scale)) for length in shown.size)
        shown = shown.resize((width, height))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  no pixel was decoded: Pillow raises anything
        return None
    shown = shown if turn is None else shown.transpose(turn)
    ground = Image.new("RGBA", (SIDE, SIDE))
    ground.paste(shown, ((SIDE - shown.width) // 2, (SIDE - shown.height) // 2))
    return np.asarray(ground)


def pixels_thumbnail(pixels: Pixels) -> Pixels | None:
    """The thumbnail of an image (H, W, C) uint8."""
    return thumbnail(Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))


def _eight_bits(image: Image.Image) -> Image.Image:
    """A small copy, or an image of a palette. Values of more than 8 bits are spread from black to
    white."""
    if image.mode in PALETTES:
        return image
    # A copy in full size would take more memory than the decoder has reserved.
    step = max(1, max(image.size) // (2 * SIDE))
    if image.mode in COLOURS:
        return image.reduce((min(step, image.width), min(step, image.height)))
    image = image.resize((max(1, image.width // step), max(1, image.height // step)))
    values = np.nan_to_num(np.asarray(image, np.float64))
    low, high = values.min(), values.max()
    return Image.fromarray(((values - low) * (255 / max(high - low, 1e-9))).astype(np.uint8))
