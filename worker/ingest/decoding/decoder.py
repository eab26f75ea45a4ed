"""The base class of the decoders: each reads the header of an uploaded image, then its pixels.

A damaged file makes Pillow raise any exception. `open_with` and `load` turn it into Rejected.
"""

import io
from collections.abc import Callable
from typing import Any, TypeVar

from PIL import ImageFile

from worker.ingest.archives.unsupported_formats import SAVE
from worker.ingest.decoding.rasters import ImageRaster, Raster
from worker.ingest.errors import Rejected

File = TypeVar("File", bound=ImageFile.ImageFile)

EXIF_ORIENTATION = 0x0112
EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK")
TRUNCATED = "truncated: the file ends before the picture does"
# Pillow's raw modes end with a byte order: big, little, or native, which is little here.
OTHER_BYTE_ORDER = {"B": "L", "L": "B", "N": "B"}
# How Pillow's messages begin for intact files that it does not support, such as 12-bit JPEG.
UNSUPPORTED = ("cannot handle", "unknown pixel mode")


class Decoder:
    """Reads the header of an uploaded image when it is made, and the pixels in `load`.

    Both raise Rejected. There is a subclass for each format.
    """

    # Memory while it is decoded: four bytes for Pillow's pixels, the rest for the decoder.
    bytes_per_pixel = 5

    def __init__(self, file: io.BytesIO) -> None:
        self.treatments: set[str] = set()  # keys of worker.ingest.report.TREATMENTS
        self.file = file
        self.image = self._open(file)
        self.size = self.image.size
        self.profile: bytes | None = self.image.info.get("icc_profile")
        if self._is_animated():
            self.treatments.add("first_image")

    @property
    def bytes_needed(self) -> int:
        width, height = self.image.size
        return width * height * self.bytes_per_pixel

    def draft(self, size: tuple[int, int]) -> None:
        """Make `load` decode at a reduced size, not below `size`, if the format supports it."""

    def load(self) -> Raster:
        load(self.image)
        return ImageRaster(self.image)

    @property
    def keeps_rows(self) -> bool:
        """Whether a failed `load` leaves the rows before the fault, as sRGB or grey of 8 bits."""
        return False

    def partial(self) -> Raster | None:
        """The image with the rows that `load` decoded before it failed, if it keeps them."""
        if not self.keeps_rows or self.image.mode not in EIGHT_BIT_MODES:
            return None
        self.image.tile = []  # otherwise Pillow would begin to decode again
        return ImageRaster(self.image)

    def orientation(self) -> int:
        """The EXIF orientation, 1 to 8; to be called after `load`."""
        try:
            return int(self.image.getexif().get(EXIF_ORIENTATION, 1))
        except Exception:  # noqa: BLE001  damaged metadata does not make the image unusable
            self.treatments.add("metadata")
            return 1

    def close(self) -> None:
        self.image.close()

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        raise NotImplementedError

    def _is_animated(self) -> bool:
        """Whether a second image follows. The first is usable even if the second is damaged."""
        try:
            return bool(getattr(self.image, "is_animated", False))
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  a damaged second image makes Pillow raise anything
            self.image = self._open(self.file)  # the failed attempt has moved to the second image
            return True


def open_with(read: Callable[[io.BytesIO], File], name: str, file: io.BytesIO) -> File:
    """Read the header with a class of Pillow. Raises Rejected; `name` is the format's."""
    try:
        file.seek(0)
        return read(file)
    except MemoryError:
        raise
    except Exception as error:
        if str(error).startswith(UNSUPPORTED):
            raise Rejected(f"not read: an unsupported kind of {name} ({error}); {SAVE}") from error
        raise Rejected(
            f"truncated or damaged: the header of the {name} cannot be read ({error})"
        ) from error


def load(image: ImageFile.ImageFile) -> None:
    """Decode the pixels. Raises Rejected."""
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise rejection(error) from error


def rejection(error: Exception) -> Rejected:
    """The Rejected for an exception of Pillow."""
    if isinstance(error, EOFError) or "truncated" in str(error).lower():
        return Rejected(TRUNCATED)
    return Rejected(f"damaged: {error or type(error).__name__}")


def raw_mode(image: Any) -> str:
    """How Pillow reads the bytes of the file: "RGB", "RGB;16B" and the like."""
    arguments = image.tile[0].args if image.tile else ""
    return str(arguments if isinstance(arguments, str) else arguments[0])


def set_raw_mode(image: Any, change: Callable[[str], str]) -> None:
    """Make Pillow read the bytes of the file in another layout."""
    image.tile = [
        tile._replace(
            args=change(tile.args)
            if isinstance(tile.args, str)
            else (change(tile.args[0]), *tile.args[1:])
        )
        for tile in image.tile
    ]


def load_low_bytes(image: Any) -> ImageFile.ImageFile:
    """Load the low bytes of 16-bit values.

    Pillow keeps only the high byte of a value; with the byte order swapped, that is the low byte.
    """
    set_raw_mode(image, lambda mode: mode[:-1] + OTHER_BYTE_ORDER[mode[-1]])
    load(image)
    loaded: ImageFile.ImageFile = image
    return loaded
