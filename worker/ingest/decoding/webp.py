"""Large WebP pictures, decoded at a fraction of their size by the libwebp that Pillow brings.

Pillow decodes through libwebp's animation decoder, which holds a picture three times over: 34 bytes
of 16,383 × 5,000 pixels take a gigabyte. libwebp itself scales while it decodes.
API: https://developers.google.com/speed/webp/docs/api (src/webp/decode.h, ABI 0x02..).
"""

import ctypes
import functools

from PIL import Image, _webp

DECODER_ABI = 0x0209
RGBA = 1  # MODE_RGBA
OK = 0


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


@functools.cache
def _library() -> ctypes.CDLL | None:
    """None where Pillow was built with a libwebp that cannot be called from outside."""
    try:
        library = ctypes.CDLL(_webp.__file__)
        library.WebPInitDecoderConfigInternal.restype = ctypes.c_int
        library.WebPDecode.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p)
        library.WebPFreeDecBuffer.argtypes = (ctypes.c_void_p,)
    except (OSError, AttributeError):
        return None
    return library


def decode_scaled(data: bytes, size: tuple[int, int]) -> Image.Image | None:
    """An RGBA image of that size; None where that cannot be had, as of an animation."""
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
