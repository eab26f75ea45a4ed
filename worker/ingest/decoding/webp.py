"""WebP: large images are decoded at a fraction of their size.

Pillow decodes through libwebp's animation decoder, which holds an image three times over: a file
of 34 bytes with 16,383 × 5,000 pixels takes a gigabyte. libwebp itself can scale while it decodes;
it is called here through ctypes, from the copy that Pillow brings.
API: https://developers.google.com/speed/webp/docs/api (src/webp/decode.h, ABI 0x02..).
"""

import ctypes
import functools
import io
import struct
from typing import Any

from PIL import Image, ImageFile, _webp
from PIL.WebPImagePlugin import WebPImageFile

from worker.ingest.decoding.decoder import TRUNCATED, Decoder, open_with
from worker.ingest.decoding.rasters import ImageRaster, Raster
from worker.ingest.errors import Rejected

SCALED_PIXELS = 16 << 20  # larger images are scaled while they are decoded
VP8X_ALPHA = 0x10  # flag of a file with alpha
DECODER_ABI = 0x0209
RGBA = 1  # MODE_RGBA
OK = 0


class WebPDecoder(Decoder):
    bytes_per_pixel = 12
    _scaled: tuple[int, int] | None = None

    def _open(self, file: io.BytesIO) -> ImageFile.ImageFile:
        file.seek(4)
        claimed = int.from_bytes(file.read(4), "little") + 8
        self._is_cut = file.seek(0, io.SEEK_END) < claimed
        file.seek(0)
        try:
            return open_with(WebPImageFile, "WebP", file)
        except Rejected as rejected:
            raise (Rejected(TRUNCATED) if self._is_cut else rejected) from rejected

    def draft(self, size: tuple[int, int]) -> None:
        width, height = self.size
        factor = min(width // size[0], height // size[1])
        if factor > 1 and width * height > SCALED_PIXELS:
            self._scaled = width // factor, height // factor

    def load(self) -> Raster:
        """Decode without Pillow's `load`, which copies the image three times and keeps the canvas
        of its decoder."""
        image: Any = self.image
        if self._scaled is not None:
            data = self.file.getvalue()
            if self._is_animated():
                data = first_frame(data, self.size)
            scaled = decode_scaled(data, self._scaled)
            if scaled is not None:
                is_opaque = image.rawmode == "RGBX"
                return ImageRaster(scaled.convert("RGB") if is_opaque else scaled)
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


def first_frame(data: bytes, size: tuple[int, int]) -> bytes:
    """The first frame of an animation as a WebP file of its own.

    Empty if the frame does not cover the canvas, whose dimensions are `size`. Container format:
    https://developers.google.com/speed/webp/docs/riff_container
    """
    offset = len(b"RIFF....WEBP")
    while offset + 8 <= len(data):
        kind, length = struct.unpack_from("<4sL", data, offset)
        offset += 8
        if kind != b"ANMF":
            offset += length + length % 2
            continue
        header, frame = data[offset : offset + 16], data[offset + 16 : offset + length]
        width, height = header[6:9], header[9:12]  # each less 1
        if tuple(int.from_bytes(side, "little") + 1 for side in (width, height)) != size:
            return b""
        if frame.startswith(b"ALPH"):
            frame = struct.pack("<4sLL", b"VP8X", 10, VP8X_ALPHA) + width + height + frame
        return struct.pack("<4sL4s", b"RIFF", len(frame) + 4, b"WEBP") + frame
    return b""


def decode_scaled(data: bytes, size: tuple[int, int]) -> Image.Image | None:
    """An RGBA image of `size`, or None where libwebp cannot decode it."""
    library, config = _library(), _Config()
    if library is None:
        return None
    if not library.WebPInitDecoderConfigInternal(ctypes.byref(config), DECODER_ABI):
        return None
    config.output.colour_space = RGBA
    config.options.use_scaling = 1
    config.options.scaled_width, config.options.scaled_height = size
    try:
        if library.WebPDecode(data, len(data), ctypes.byref(config)) != OK:
            return None
        rgba = config.output.layout.rgba
        pixels = ctypes.string_at(rgba.pixels, rgba.size)
        return Image.frombytes("RGBA", size, pixels, "raw", "RGBA", rgba.stride)
    finally:
        library.WebPFreeDecBuffer(ctypes.byref(config.output))


@functools.cache
def _library() -> ctypes.CDLL | None:
    """None where the libwebp inside Pillow does not export its functions."""
    try:
        library = ctypes.CDLL(_webp.__file__)
        library.WebPInitDecoderConfigInternal.restype = ctypes.c_int
        library.WebPDecode.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p)
        library.WebPFreeDecBuffer.argtypes = (ctypes.c_void_p,)
    except (OSError, AttributeError):
        return None
    return library


# The structure WebPDecoderConfig of libwebp and its parts.
class _Features(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("has_alpha", ctypes.c_int),
        ("has_animation", ctypes.c_int),
        ("format", ctypes.c_int),
        ("pad", ctypes.c_uint32 * 5),
    )


class _Rgba(ctypes.Structure):
    _fields_ = (
        ("pixels", ctypes.POINTER(ctypes.c_uint8)),
        ("stride", ctypes.c_int),
        ("size", ctypes.c_size_t),
    )


class _Yuva(ctypes.Structure):
    _fields_ = (
        ("planes", ctypes.c_void_p * 4),
        ("strides", ctypes.c_int * 4),
        ("sizes", ctypes.c_size_t * 4),
    )


class _Layout(ctypes.Union):
    _fields_ = (("rgba", _Rgba), ("yuva", _Yuva))


class _Buffer(ctypes.Structure):
    _fields_ = (
        ("colour_space", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("is_external_memory", ctypes.c_int),
        ("layout", _Layout),
        ("pad", ctypes.c_uint32 * 4),
        ("private_memory", ctypes.c_void_p),
    )


class _Options(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int) for name in ("bypass_filtering", "no_fancy_upsampling")),
        *((name, ctypes.c_int) for name in ("use_cropping", "left", "top", "width", "height")),
        *((name, ctypes.c_int) for name in ("use_scaling", "scaled_width", "scaled_height")),
        *((name, ctypes.c_int) for name in ("use_threads", "dithering", "flip", "alpha_dithering")),
        ("pad", ctypes.c_uint32 * 5),
    )


class _Config(ctypes.Structure):
    _fields_ = (("input", _Features), ("output", _Buffer), ("options", _Options))
