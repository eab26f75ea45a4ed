"""The contact sheet of a packed dataset."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

MAX_PICTURES = 64


def write_preview(images: np.ndarray, path: Path) -> None:
    """Tile up to 64 pictures of (N, H, W, C), spread evenly over all, on white, as a PNG."""
    chosen = np.linspace(0, len(images) - 1, min(len(images), MAX_PICTURES)).round().astype(int)
    columns = math.ceil(math.sqrt(len(chosen)))
    rows = math.ceil(len(chosen) / columns)
    height, width, channels = images.shape[1:]
    sheet = np.full((rows * height, columns * width, channels), 255, np.uint8)
    for place, number in enumerate(chosen):
        top, left = place // columns * height, place % columns * width
        sheet[top : top + height, left : left + width] = images[number]
    Image.fromarray(sheet[..., 0] if channels == 1 else sheet).save(path, "PNG")
