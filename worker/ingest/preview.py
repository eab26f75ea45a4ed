"""The contact sheet of a packed dataset."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

MAX_PICTURES = 64
WHITE, SHADE = 255, 204  # of the checkerboard that shows through transparent pictures
SQUARE = 8


def write_preview(images: np.ndarray, path: Path) -> None:
    """Tile up to 64 pictures of (N, H, W, C), spread evenly over all, on white, as a PNG.

    The sheet is about square, whatever the pictures' shape.
    """
    chosen = np.linspace(0, len(images) - 1, min(len(images), MAX_PICTURES)).round().astype(int)
    height, width, channels = images.shape[1:]
    columns = min(len(chosen), max(1, math.ceil(math.sqrt(len(chosen) * height / width))))
    rows = math.ceil(len(chosen) / columns)
    sheet = np.full((rows * height, columns * width, channels), WHITE, np.uint8)
    for place, number in enumerate(chosen):
        top, left = place // columns * height, place % columns * width
        sheet[top : top + height, left : left + width] = images[number]
    picture = Image.fromarray(sheet[..., 0] if channels == 1 else sheet)
    if channels == 4:
        picture = Image.alpha_composite(_checkerboard(picture.size), picture).convert("RGB")
    picture.save(path, "PNG")


def _checkerboard(size: tuple[int, int]) -> Image.Image:
    width, height = size
    squares = np.add.outer(np.arange(height) // SQUARE, np.arange(width) // SQUARE) % 2
    return Image.fromarray(np.where(squares, SHADE, WHITE).astype(np.uint8)).convert("RGBA")
