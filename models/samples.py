"""What an image is generated from, images as arrays, and grids of them. Does not import torch: the
API checks requests with this module.
"""

import io
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]  # (N, H, W, C)
Vector = NDArray[np.float32]  # (latent_dim,)
Features = NDArray[np.float32]  # (N, F), embeddings of images
Point = int | Vector  # a seed, or a latent

STORED_VECTOR = np.dtype("<f4")


def pack_vector(vector: Vector) -> bytes:
    """The values as little-endian float32, as the database stores them."""
    return vector.astype(STORED_VECTOR).tobytes()


def unpack_vector(data: bytes) -> Vector:
    """The vector that `pack_vector` made these bytes from."""
    return np.frombuffer(data, STORED_VECTOR).astype(np.float32)


class Sample(NamedTuple):
    """What one image is generated from. `label` is the index of its class, None without classes.

    `truncation` is the factor ψ in (0, 1] by which the latent is scaled. `source` is the request
    that the latent was computed from, as JSON, for the image's recipe: it changes no pixel.
    """

    point: Point
    label: int | None = None
    truncation: float = 1.0
    source: Mapping[str, Any] | None = None


def flatten_alpha(images: Pixels, background: int, *, rounding: int = 127) -> Pixels:
    """Composite (N, H, W, 4) over a grey level: -> (N, H, W, 3).

    Images without a fourth channel are returned as they are. A `rounding` of 127 gives the nearest
    level, 0 rounds down. Code that flattens the images of files uses Pillow, which rounds
    differently: the bytes and the hashes of the files depend on it.
    """
    if images.shape[3] != 4:
        return images
    opacity = images[..., 3:].astype(np.uint16)  # 255 · 255 + 127 fits
    composite = images[..., :3] * opacity + background * (255 - opacity)
    return ((composite + rounding) // 255).astype(np.uint8)


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """(N, H, W, C) -> (rows·H, columns·W, C), row by row; missing images are 0."""
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
    # Level 1 takes a quarter of the default level's time, for a few per cent more bytes.
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
