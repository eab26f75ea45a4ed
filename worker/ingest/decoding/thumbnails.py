"""Thumbnails of rejected files, for the report."""

from collections.abc import Callable

import numpy as np
from PIL import Image
from PIL.Image import Transpose

from worker.ingest.decoding.fitting import SIDEWAYS, fit_raster, fit_values
from worker.ingest.decoding.levels import WHITE, Levels, Pixels
from worker.ingest.decoding.rasters import Raster
from worker.ingest.request import ImageShape

SIDE = 64  # pixels


def thumbnail(
    raster: Raster, turn: Transpose | None, to_srgb: Callable[[Image.Image], Image.Image]
) -> Pixels:
    """Fit an image into (SIDE, SIDE, 4), uint8 RGBA, centred on a transparent ground.

    Values without a known white are spread from black to white. Raises Rejected for infinite ones.
    """
    width, height = raster.size
    shape = _fitting_shape(*((height, width) if turn in SIDEWAYS else (width, height)))
    span = raster.span()
    levels = Levels() if raster.depth in WHITE else Levels({raster.depth: span})
    return _centred(fit_raster(raster, shape, levels, turn, to_srgb))


def pixels_thumbnail(pixels: Pixels) -> Pixels:
    """`thumbnail` of an image (H, W, C) uint8."""
    height, width, _ = pixels.shape
    return _centred(fit_values(pixels, _fitting_shape(width, height), Levels()))


def _fitting_shape(width: int, height: int) -> ImageShape:
    """The largest shape of these proportions within the thumbnail."""
    scale = SIDE / max(width, height)
    return ImageShape(
        max(1, round(width * scale)), max(1, round(height * scale)), "stretch", "rgba"
    )


def _centred(pixels: Pixels) -> Pixels:
    height, width, _ = pixels.shape
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    ground = np.zeros((SIDE, SIDE, 4), np.uint8)
    ground[top : top + height, left : left + width] = pixels
    return ground
