"""From the bytes of a picture to its pixels in the dataset's shape."""

import io
import math
import threading
import warnings
from contextlib import nullcontext

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.Image import Resampling, Transpose

from worker.ingest.errors import Rejected
from worker.ingest.request import PictureShape
from worker.ingest.signatures import HEAD_BYTES, NOT_AN_IMAGE, picture_format

Pixels = NDArray[np.uint8]  # (H, W, C)

MIN_SIDE = 8
MAX_ENLARGEMENT = 4
BIG_PIXELS = 16 << 20
REDUCING_GAP = 3.0  # Pillow: indistinguishable from resampling every pixel
EXIF_ORIENTATION = 0x0112
UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
MODES = {"rgb": "RGB", "grey": "L", "rgba": "RGBA"}

# One big picture at a time, whatever the number of threads: each takes hundreds of megabytes.
_big = threading.Lock()


def set_pillow_limits() -> None:
    """For the whole process: a picture is whole or an error, its size is checked in `fit_picture`.

    Pillow's own limit only warns up to twice its value, and says no more than a number beyond.
    """
    warnings.filterwarnings("ignore", module="PIL")  # of odd metadata, thousands of times
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.MAX_IMAGE_PIXELS = None


def fit_picture(file: io.BytesIO, shape: PictureShape, max_pixels: int) -> Pixels:
    """Decode, turn upright, fit; (size, size, C) with C by `channels`, or by the picture for auto.

    With auto, a picture whose channels are all equal has one.
    """
    with _open(file) as image:
        _check_size(image.width, image.height, shape.size, max_pixels)
        # A JPEG is then decoded at an eighth of its size, or a quarter, or a half, where enough.
        image.draft(None, _enough(image.size, shape))
        with _big if image.width * image.height > BIG_PIXELS else nullcontext():
            _load(image, file)
            upright = UPRIGHT.get(_orientation(image))
            fitted = _fit(_to_working_mode(image, shape.channels), shape, upright)
            image.close()  # its pixels go before the next big picture's come
    pixels = np.asarray(_to_final_mode(fitted, shape.channels))
    if pixels.ndim == 2:
        return pixels[..., None]
    if shape.channels == "auto" and (pixels == pixels[..., :1]).all():
        return np.ascontiguousarray(pixels[..., :1])
    return pixels


def _open(file: io.BytesIO) -> ImageFile.ImageFile:
    """The picture with its header read; its pixels are not."""
    kind = picture_format(_head(file))
    assert kind is not None, "what is no picture is rejected before it is read whole"
    try:
        return Image.open(file, formats=[kind])
    except Exception as error:
        if kind == "BMP":  # two letters are no proof
            raise Rejected(NOT_AN_IMAGE) from error
        raise _rejection(error, file) from error


def _load(image: ImageFile.ImageFile, file: io.BytesIO) -> None:
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise _rejection(error, file) from error


def _rejection(error: Exception, file: io.BytesIO) -> Rejected:
    """A damaged picture makes Pillow raise anything."""
    if isinstance(error, EOFError) or "truncated" in str(error).lower() or _is_cut_webp(file):
        return Rejected("truncated: the file ends before the picture does")
    if isinstance(error, UnidentifiedImageError):
        kind = picture_format(_head(file))
        return Rejected(f"truncated or damaged: a {kind} without a whole header")
    return Rejected(f"damaged: {error}")


def _is_cut_webp(file: io.BytesIO) -> bool:
    """Pillow does not say why a WebP failed; its container says how long it should be."""
    head = _head(file)
    stated = int.from_bytes(head[4:8], "little") + 8 if head[:4] == b"RIFF" else 0
    return file.seek(0, io.SEEK_END) < stated


def _head(file: io.BytesIO) -> bytes:
    file.seek(0)
    return file.read(HEAD_BYTES)


def _check_size(width: int, height: int, size: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise Rejected(
            f"too many pixels: {width} × {height}, at most {max_pixels:,} (MOGGY_MAX_PIXELS)"
        )
    least = max(MIN_SIDE, math.ceil(size / MAX_ENLARGEMENT))
    if min(width, height) < least:
        raise Rejected(
            f"too small: {width} × {height}, at least {least} × {least} for pictures of {size}"
        )


def _enough(image_size: tuple[int, int], shape: PictureShape) -> tuple[int, int]:
    """The dimensions below which decoding small would be seen in the result."""
    side = math.ceil(shape.size * REDUCING_GAP)
    if shape.fit != "pad":
        return side, side
    longest = max(image_size)
    width, height = (max(1, math.ceil(one * side / longest)) for one in image_size)
    return width, height


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001  damaged metadata does not make the picture unusable
        return 1


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


def _fit(image: Image.Image, shape: PictureShape, upright: Transpose | None) -> Image.Image:
    """`size` pixels square. Turned when already small, padded only then: all pads are even."""
    width, height = image.size
    size = shape.size
    box = (0.0, 0.0, float(width), float(height))
    target = (size, size)
    if shape.fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    elif shape.fit == "pad":
        scale = size / max(width, height)
        target = max(1, round(width * scale)), max(1, round(height * scale))
    small = image.resize(target, Resampling.LANCZOS, box, REDUCING_GAP)
    if upright is not None:
        small = small.transpose(upright)
    if small.size == (size, size):
        return small
    canvas = Image.new(small.mode, (size, size), "white")
    canvas.paste(small, ((size - small.width) // 2, (size - small.height) // 2))
    return canvas


def _to_final_mode(image: Image.Image, channels: str) -> Image.Image:
    if channels != "rgba" and image.mode in ("LA", "RGBA"):
        opaque = image.mode[:-1]
        white = Image.new(opaque, image.size, "white")
        white.paste(image.convert(opaque), mask=image.getchannel("A"))
        image = white
    return image if channels == "auto" else image.convert(MODES[channels])
