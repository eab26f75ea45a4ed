"""Contact sheets, and the PNG that one is stored as. No torch."""

import io

import numpy as np
from PIL import Image


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """(N, H, W, C) -> (rows·H, columns·W, C), row by row; missing pictures are 0."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * columns, height, width, channels), images.dtype)
    sheet[:count] = images
    grid = sheet.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * height, columns * width, channels)


def png(image: np.ndarray) -> bytes:
    """(H, W, C) uint8 with 1, 3 or 4 channels -> a PNG file."""
    buffer = io.BytesIO()
    pixels = image[:, :, 0] if image.shape[2] == 1 else image
    # Level 1: a quarter of the default's time for a few per cent more bytes.
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
