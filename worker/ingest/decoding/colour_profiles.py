"""Conversion of colours to sRGB by their ICC profile, with Little CMS."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms
from PIL.ImageCms import Flags, ImageCmsProfile, ImageCmsTransform, Intent, PyCMSError

MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # by the colour space of a profile
CACHED_PROFILES = 16  # of up to 16 MiB each
SRGB_TOLERANCE = 1  # level of 255: the sRGB profiles of different programs differ by rounding
GRID = 9  # colours along each axis that are converted to recognise a profile of sRGB
# Threads may share a transform that has no cache.
FLAGS = Flags.NOCACHE | Flags.BLACKPOINTCOMPENSATION


class UnusableProfile(Exception):
    """The profile is damaged, or is for other channels than the image has."""


def to_srgb(image: Image.Image, profile: bytes) -> tuple[Image.Image, bool]:
    """The image in sRGB, and whether that changed its colours. Raises UnusableProfile.

    The image is L, LA, RGB, RGBA or CMYK. Grey stays grey, CMYK becomes RGB, alpha is kept.
    """
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    mode = image.mode.removesuffix("A") if alpha is not None else image.mode
    transform = _transform(profile, mode)
    if transform is None:
        return image, False
    converted = transform.apply(image if alpha is None else image.convert(mode))
    if mode == "L":
        converted = converted.convert("L")
    if alpha is not None:
        converted.putalpha(alpha)
    return converted, True


def lab_to_srgb(image: Image.Image) -> Image.Image:
    return _lab().apply(image)


@functools.lru_cache(CACHED_PROFILES)
def _transform(profile: bytes, mode: str) -> ImageCmsTransform | None:
    """The transform to RGB; None for a profile that leaves all colours as they are."""
    try:
        source = ImageCmsProfile(io.BytesIO(profile))
        if MODES.get(source.profile.xcolor_space) != mode:
            raise UnusableProfile
        transform = ImageCmsTransform(
            source, _srgb(), mode, "RGB", Intent.RELATIVE_COLORIMETRIC, flags=FLAGS
        )
    except (OSError, ValueError, PyCMSError) as error:
        raise UnusableProfile from error
    return None if mode != "CMYK" and _changes_nothing(transform, mode) else transform


def _changes_nothing(transform: ImageCmsTransform, mode: str) -> bool:
    if mode == "L":
        colours = np.arange(256, dtype=np.uint8)[None]
    else:
        axis = np.linspace(0, 255, GRID).round().astype(np.uint8)
        colours = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(1, -1, 3)
    converted = np.asarray(transform.apply(Image.fromarray(colours))).astype(int)
    expected = colours[..., None] if mode == "L" else colours
    return bool(np.abs(converted - expected).max() <= SRGB_TOLERANCE)


@functools.cache
def _srgb() -> ImageCmsProfile:
    return ImageCmsProfile(ImageCms.createProfile("sRGB"))


@functools.cache
def _lab() -> ImageCmsTransform:
    lab = ImageCmsProfile(ImageCms.createProfile("LAB"))
    return ImageCmsTransform(
        lab, _srgb(), "LAB", "RGB", Intent.RELATIVE_COLORIMETRIC, flags=Flags.NOCACHE
    )
