"""The formats that are read, and what each needs to give its pixels.

Pillow could read some forty formats. Those that strangers may send are named here, one by one.
"""

import io
from collections.abc import Callable
from typing import Any, TypeVar

from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from worker.ingest.archives.signatures import NOT_AN_IMAGE
from worker.ingest.archives.unsupported_formats import DEVELOP, SAVE
from worker.ingest.decoding.jpeg import END, STRAY, JpegFile
from worker.ingest.decoding.png import GREY_ALPHA, PngFile
from worker.ingest.decoding.rasters import (
    ImageRaster,
    Raster,
    apple_pixels,
    deep_colours,
    grey_with_alpha,
    image_values,
)
from worker.ingest.decoding.tiff import check_tiff
from worker.ingest.decoding.webp import decode_scaled
from worker.ingest.errors import Rejected

File = TypeVar("File", bound=ImageFile.ImageFile)

LARGE_PIXELS = 16 << 20  # from which a WebP is scaled while it is decoded
EXIF_ORIENTATION = 0x0112
TRUNCATED = "truncated: the file ends before the picture does"
OTHER_BYTE = {"B": "L", "L": "B", "N": "B"}  # of two: Pillow reads the higher; this machine's is L
# Tags of TIFF
NEW_SUBFILE_TYPE, PHOTOMETRIC, PLANAR, SUB_IFDS, DNG_VERSION = 254, 262, 284, 330, 50706
# How Pillow begins to say that a file is whole and of a kind that it lacks: 12 bits, odd channels.
UNSUPPORTED = ("cannot handle", "unknown pixel mode")
CAMERA_RAW = f"not read: a camera's raw file; {DEVELOP}"


class Picture:
    """A picture whose header was read. Raises Rejected."""

    bytes_per_pixel = 5  # while it is decoded: Pillow's four, and what the decoder holds

    def __init__(self, file: io.BytesIO) -> None:
        self.treatments: set[str] = set()  # of worker.ingest.report.TREATMENTS
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
        """Decode at about this size where the format allows; it is no smaller."""

    def load(self) -> Raster:
        _load(self.image)
        return ImageRaster(self.image)

    def orientation(self) -> int:
        """As EXIF has it, of what was loaded."""
        try:
            return int(self.image.getexif().get(EXIF_ORIENTATION, 1))
        except Exception:  # noqa: BLE001  damaged metadata does not make the picture unusable
            self.treatments.add("metadata")
            return 1

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        raise NotImplementedError

    def _is_animated(self) -> bool:
        """Whether a second image follows. If that one is damaged, the first is still usable."""
        try:
            return bool(getattr(self.image, "is_animated", False))
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  whatever a damaged second image makes Pillow raise
            self.image = self._open(self.file)  # the failed look has moved it
            return True

    def close(self) -> None:
        self.image.close()


class Bmp(Picture):
    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        file.seek(0)
        try:
            return BmpImageFile(file)
        except Exception as error:  # two letters are no proof
            raise Rejected(NOT_AN_IMAGE) from error


class Gif(Picture):
    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        return _opened(GifImageFile, "GIF", file)


class Avif(Picture):
    bytes_per_pixel = 16

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        return _opened(AvifImageFile, "AVIF", file)


class Heif(Picture):
    bytes_per_pixel = 16

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        from pi_heif.as_plugin import HeifImageFile  # few uploads have any

        image: ImageFile.ImageFile = _opened(HeifImageFile, "HEIC", file)
        return image


class WebP(Picture):
    bytes_per_pixel = 12
    _scaled: tuple[int, int] | None = None

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        file.seek(4)
        stated = int.from_bytes(file.read(4), "little") + 8
        self._is_cut = file.seek(0, io.SEEK_END) < stated
        file.seek(0)
        try:
            return _opened(WebPImageFile, "WebP", file)
        except Rejected as rejected:
            raise (Rejected(TRUNCATED) if self._is_cut else rejected) from rejected

    def draft(self, size: tuple[int, int]) -> None:
        width, height = self.size
        factor = min(width // size[0], height // size[1])
        is_still = not getattr(self.image, "is_animated", False)
        if factor > 1 and is_still and width * height > LARGE_PIXELS:
            self._scaled = width // factor, height // factor

    def load(self) -> Raster:
        """Without the copies of Pillow's `load`, which hold the picture three times over, and the
        canvas of its decoder besides."""
        image: Any = self.image
        if self._scaled is not None:
            scaled = decode_scaled(self.file.getvalue(), self._scaled)
            if scaled is not None:
                opaque = image.rawmode == "RGBX"
                return ImageRaster(scaled.convert("RGB") if opaque else scaled)
        try:
            pixels, _, _ = image._get_next()
        except MemoryError:
            raise
        except Exception as error:
            reason = TRUNCATED if self._is_cut else "damaged: its pixels cannot be decoded"
            raise Rejected(reason) from error
        image._decoder = None
        return ImageRaster(
            Image.frombuffer(image.rawmode, image.size, pixels, "raw", image.rawmode, 0, 1)
        )


class Jpeg(Picture):
    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        self._jpeg = JpegFile(file.getvalue())
        if self._jpeg.has_several:
            self.treatments.add("first_image")
        if self._jpeg.is_metadata_damaged:
            self.treatments.add("metadata")
        return self._open_stream()

    def draft(self, size: tuple[int, int]) -> None:
        self._draft = size
        self.image.draft(None, size)

    @property
    def bytes_needed(self) -> int:
        width, height = self.size
        coefficients = 3 * width * height if self.image.info.get("progressive") else 0
        return super().bytes_needed + coefficients

    def load(self) -> Raster:
        try:
            _load(self.image)
        except Rejected:
            if self._jpeg.ends:
                raise
            self._load_without_end()
        return ImageRaster(self.image)

    def _load_without_end(self) -> None:
        """Only the two bytes behind the last pixel may be missing: then what follows the pixels
        makes no difference. Raises Rejected where it does."""
        other = self._open_stream(STRAY + END)
        self.image = self._open_stream(END)
        for image in (other, self.image):
            image.draft(None, self._draft)
            _load(image)
        if other.tobytes() != self.image.tobytes():
            raise Rejected(TRUNCATED)

    def _open_stream(self, end: bytes = b"") -> ImageFile.ImageFile:
        return _opened(JpegImageFile, "JPEG", self._jpeg.stream(end))


class Png(Picture):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        png = self._png
        self.size = png.width, png.height
        self.profile = png.profile
        for is_so, treatment in (
            (png.is_animated, "first_image"),
            (png.is_metadata_damaged, "metadata"),
            (png.is_profile_damaged, "profile_ignored"),
            (png.has_other_colours, "colours_ignored"),
        ):
            if is_so:
                self.treatments.add(treatment)

    @property
    def bytes_needed(self) -> int:
        return super().bytes_needed * (2 if self._png.is_deep or self._png.is_apple else 1)

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        self._png = PngFile(file.getvalue())
        return _opened(PngImageFile, "PNG", self._png.header())

    def load(self) -> Raster:
        png = self._png
        self.image = _opened(PngImageFile, "PNG", png.stream())
        if png.is_deep and png.colour_type == GREY_ALPHA:
            _set_raw_mode(self.image, lambda _: "RGBA")
            _load(self.image)
            return grey_with_alpha(self.image)
        _load(self.image)
        if png.is_deep:
            low = _low_bytes(_opened(PngImageFile, "PNG", png.stream()))
            return deep_colours(self.image, low, is_premultiplied=False, colour_key=png.colour_key)
        if png.is_apple and self.image.mode in ("RGB", "RGBA"):
            return apple_pixels(self.image)
        if png.depth == 16:
            return image_values(self.image, colour_key=png.colour_key)
        if png.colour_key is not None:
            grey = self.image.convert("L") if self.image.mode == "1" else self.image
            scale = 255 // ((1 << png.depth) - 1)  # Pillow spreads 1, 2 and 4 bits over 8
            return image_values(grey, colour_key=tuple(scale * value for value in png.colour_key))
        return ImageRaster(self.image)


class Tiff(Picture):
    bytes_per_pixel = 8

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        check_tiff(file.getvalue())
        image = _opened(TiffImageFile, "TIFF", file)
        tags = image.tag_v2
        if DNG_VERSION in tags or (SUB_IFDS in tags and tags.get(NEW_SUBFILE_TYPE, 0) & 1):
            raise Rejected(CAMERA_RAW)
        return image

    @property
    def bytes_needed(self) -> int:
        return super().bytes_needed * (2 if self._is_deep else 1)

    @property
    def _is_deep(self) -> bool:
        raw_mode = _raw_mode(self.image)
        return self.image.mode in ("RGB", "RGBA") and raw_mode[-4:-1] == ";16"

    def load(self) -> Raster:
        image: Any = self.image
        if image.mode.startswith("I") or image.mode == "F":
            is_inverted = image.tag_v2.get(PHOTOMETRIC) == 0
            _load(image)
            return image_values(image, is_inverted=is_inverted)
        if image.tag_v2.get(PLANAR) == 2 and 16 in image.tag_v2.get(258, ()):
            raise Rejected("not read: a TIFF with 16 bits in separate planes; save it interleaved")
        if not self._is_deep:
            _load(image)
            return ImageRaster(image)
        is_premultiplied = _raw_mode(image).startswith("RGBa")
        low = _opened(TiffImageFile, "TIFF", io.BytesIO(self.file.getvalue()))
        for one in (image, low):
            _set_raw_mode(one, lambda raw_mode: raw_mode.replace("RGBa", "RGBA"))
        _load(image)
        return deep_colours(
            image, _low_bytes(low), is_premultiplied=is_premultiplied, colour_key=None
        )


PICTURES: dict[str, type[Picture]] = {
    "PNG": Png,
    "JPEG": Jpeg,
    "WEBP": WebP,
    "AVIF": Avif,
    "HEIF": Heif,
    "TIFF": Tiff,
    "BMP": Bmp,
    "GIF": Gif,
}


def damage(error: Exception) -> Rejected:
    """Why a picture is rejected on which Pillow failed. A damaged one makes it raise anything."""
    if isinstance(error, EOFError) or "truncated" in str(error).lower():
        return Rejected(TRUNCATED)
    return Rejected(f"damaged: {error or type(error).__name__}")


def _opened(read: Callable[[io.BytesIO], File], name: str, file: io.BytesIO) -> File:
    """A damaged picture makes Pillow raise anything."""
    try:
        file.seek(0)
        return read(file)
    except MemoryError:
        raise
    except Exception as error:
        if str(error).startswith(UNSUPPORTED):
            raise Rejected(f"not read: a {name} of a rare kind ({error}); {SAVE}") from error
        raise Rejected(
            f"truncated or damaged: a {name} without a whole header ({error})"
        ) from error


def _load(image: ImageFile.ImageFile) -> None:
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise damage(error) from error


def _raw_mode(image: Any) -> str:
    arguments = image.tile[0].args if image.tile else ""
    return str(arguments if isinstance(arguments, str) else arguments[0])


def _set_raw_mode(image: Any, change: Callable[[str], str]) -> None:
    """Have the bytes of the file read as those of another layout."""
    image.tile = [
        tile._replace(
            args=change(tile.args)
            if isinstance(tile.args, str)
            else (change(tile.args[0]), *tile.args[1:])
        )
        for tile in image.tile
    ]


def _low_bytes(image: Any) -> ImageFile.ImageFile:
    """Pillow keeps the high byte of 16 bits; read in the other byte order, that is the low one."""
    _set_raw_mode(image, lambda raw_mode: raw_mode[:-1] + OTHER_BYTE[raw_mode[-1]])
    _load(image)
    loaded: ImageFile.ImageFile = image
    return loaded
