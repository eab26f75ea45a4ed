"""From the bytes of a picture to its pixels in the dataset's shape."""

import io
import threading
import warnings
from contextlib import nullcontext

from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.Image import Transpose

from worker.ingest.errors import Rejected
from worker.ingest.fitting import (
    SIDEWAYS,
    Pixels,
    check_pixels,
    check_size,
    enough,
    fit_image,
)
from worker.ingest.request import PictureShape
from worker.ingest.signatures import HEAD_BYTES, NOT_AN_IMAGE, picture_format

BIG_PIXELS = 16 << 20
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
    """Decode, turn upright, fit; (height, width, C) as `fit_image` makes it."""
    with _open(file) as image:
        width, height = image.size
        check_pixels(width, height, max_pixels)
        # A JPEG is then decoded at an eighth of its size, or a quarter, or a half, where enough.
        image.draft(None, enough(image.size, shape))
        with _big if width * height > BIG_PIXELS else nullcontext():
            _load(image, file)
            turn = UPRIGHT.get(_orientation(image))
            if turn in SIDEWAYS:
                width, height = height, width
            check_size(width, height, shape)
            pixels = fit_image(image, shape, turn)
            image.close()  # its pixels go before the next big picture's come
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


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001  damaged metadata does not make the picture unusable
        return 1
