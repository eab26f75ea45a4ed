"""Colours of other profiles in sRGB."""

import io
from typing import Any

import numpy as np
import pytest
from encoded_pictures import (
    ADOBE_RGB,
    P3,
    QUADRANTS,
    colours_of,
    encode,
    grey_profile,
    ink_profile,
    quadrants,
    read,
)
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PROFILES = {"P3": P3, "Adobe RGB": ADOBE_RGB}


def in_srgb(colour: tuple[int, ...], profile: bytes) -> tuple[int, ...]:
    image = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), colour),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
    )
    assert image is not None
    pixel = image.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return pixel


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 1),
        ("TIFF", {}, 1),
        ("WEBP", {"lossless": True}, 1),
        ("JPEG", {"quality": 100, "subsampling": 0}, 5),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, 8),
    ],
)
def test_a_profile_is_converted_in_every_format_and_counted(
    name: str, kind: str, options: dict[str, Any], tolerance: int
) -> None:
    profile = PROFILES[name]
    fitted = read(encode(Image.fromarray(quadrants()), kind, icc_profile=profile, **options))
    expected = np.array([in_srgb(colour, profile) for colour in QUADRANTS])
    assert np.abs(np.array(colours_of(fitted.pixels)) - expected).max() <= tolerance
    assert np.abs(expected - QUADRANTS).max() > 20
    assert fitted.treatments == {"profile"}


def test_alpha_stays_as_it_is() -> None:
    image = Image.fromarray(np.dstack([quadrants(), np.full((32, 32), 77, np.uint8)]))
    pixels = read(encode(image, icc_profile=P3), channels="rgba").pixels
    assert colours_of(pixels)[1] == (*in_srgb(QUADRANTS[1], P3), 77)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_grey_profile_is_converted_and_grey_stays_grey(mode: str) -> None:
    image = Image.new("L", (32, 32), 128).convert(mode)
    pixels = read(encode(image, icc_profile=grey_profile(1.0)), channels="auto").pixels
    assert pixels.shape == (32, 32, 1)
    assert abs(int(pixels[0, 0, 0]) - 188) <= 1  # half of the light


@pytest.mark.parametrize(
    ("profile", "treatments"),
    [
        (SRGB, set()),
        (b"no profile at all", {"profile_ignored"}),
        (P3[:200], {"profile_ignored"}),
        (grey_profile(2.2), {"profile_ignored"}),
    ],
    ids=["sRGB", "garbage", "cut", "of another kind"],
)
def test_a_profile_that_changes_nothing_or_is_of_no_use_leaves_the_colours(
    profile: bytes, treatments: set[str]
) -> None:
    fitted = read(encode(Image.fromarray(quadrants()), icc_profile=profile))
    assert colours_of(fitted.pixels) == QUADRANTS
    assert fitted.treatments == treatments


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_without_a_profile_gives_its_colours(kind: str) -> None:
    image = Image.fromarray(255 - np.dstack([quadrants(), np.full((32, 32), 255)]).astype(np.uint8))
    cmyk = Image.frombytes("CMYK", image.size, image.tobytes())
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    fitted = read(encode(cmyk, kind, **options))
    assert np.abs(np.array(colours_of(fitted.pixels)) - QUADRANTS).max() <= 6
    assert fitted.treatments == {"cmyk"}


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_converted_by_its_profile(kind: str) -> None:
    inks = [(0, 0, 0, 0), (255, 0, 0, 0), (0, 0, 255, 255), (255, 255, 0, 255)]
    image = Image.frombytes("CMYK", (32, 32), quadrants(inks).tobytes())
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    fitted = read(encode(image, kind, icc_profile=ink_profile(), **options))
    greys = [255, 185, 119, 59]  # L* of 100, 75, 50 and 25 in sRGB
    expected = np.array([[grey] * 3 for grey in greys])
    assert np.abs(np.array(colours_of(fitted.pixels)) - expected).max() <= 3
    assert fitted.treatments == {"profile"}


def test_lab_gives_its_colours() -> None:
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = ImageCms.applyTransform(Image.fromarray(quadrants()), to_lab)
    assert lab is not None
    got = np.array(colours_of(read(encode(lab, "TIFF")).pixels))
    assert np.abs(got - QUADRANTS).max() <= 3
