"""Whether pictures may be mirrored, measured on real ones."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from real_images import cats, digits, every_nth

from worker.ingest.doctor.mirroring import (
    MIN_MIRROR_IMAGES,
    is_mirrorable,
    mirror_accuracy,
    thumbnails,
)

Run = Callable[..., Any]


def packed(folder: Path, images: np.ndarray) -> tuple[bool, float]:
    """Whether packed images (N, H, W, C) may be mirrored, and how well a mirror image is told."""
    path = folder / "images.npy"
    np.save(path, images)
    return is_mirrorable(path, images.shape), mirror_accuracy(thumbnails(path, images.shape))


def test_cats_may_be_mirrored(shared_data: Path, tmp_path: Path) -> None:
    mirrorable, accuracy = packed(tmp_path, cats(shared_data, 3000))
    assert mirrorable
    assert 0.5 < accuracy < 0.65  # photographs are not quite even: 0.58


def test_photographs_of_things_may_be_mirrored(shared_data: Path, tmp_path: Path) -> None:
    """4,000 of the 50,000 pictures of CIFAR-10, of every class."""
    with zipfile.ZipFile(shared_data / "cifar10.zip") as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        pictures = [Image.open(archive.open(name)) for name in names[:: len(names) // 4000]]
        images = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
    mirrorable, accuracy = packed(tmp_path, images)
    assert mirrorable
    assert 0.45 < accuracy < 0.55


def wide(digit: np.ndarray) -> np.ndarray:
    """A digit of 48 × 48 in the middle of 96 × 48."""
    return np.pad(np.asarray(Image.fromarray(digit).resize((48, 48))), ((0, 0), (24, 24)))


@pytest.mark.parametrize("shape", [lambda digit: digit, wide])
def test_digits_must_not_be_mirrored(
    shared_data: Path, tmp_path: Path, shape: Callable[[np.ndarray], np.ndarray]
) -> None:
    images = np.stack([shape(digit) for digit in digits(shared_data, 4000)])[..., None]
    mirrorable, accuracy = packed(tmp_path, images)
    assert not mirrorable
    assert accuracy > 0.94


def test_a_hundred_digits_are_enough(ingest: Run, shared_data: Path, tmp_path: Path) -> None:
    few = every_nth(shared_data / "digits-labelled.zip", 60, tmp_path / "few.zip")
    assert ingest([few], size=28).packed.horizontal_flip is False


@pytest.mark.parametrize("flip", [True, False])
def test_a_flip_that_the_request_sets_is_not_measured(
    ingest: Run, shared_data: Path, tmp_path: Path, flip: bool
) -> None:
    few = every_nth(shared_data / "digits-labelled.zip", 60, tmp_path / "few.zip")
    assert ingest([few], size=28, horizontal_flip=flip).packed.horizontal_flip is flip


def test_few_pictures_and_plain_ones_may_be_mirrored(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    lopsided = np.zeros((MIN_MIRROR_IMAGES, 32, 32, 1), np.uint8)
    lopsided[:, :, :16] = 255
    for images, expected in ((lopsided, False), (lopsided[1:], True), (0 * lopsided, True)):
        path.write_bytes(bytes(128) + images.tobytes())
        assert is_mirrorable(path, images.shape) is expected


@pytest.mark.parametrize("shape", [(28, 28, 1), (30, 47, 3), (256, 32, 4)])
def test_the_thumbnail_of_a_mirrored_picture_is_mirrored(
    tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, *shape), np.uint8)
    images[1] = images[0, :, ::-1]
    (tmp_path / "images.npy").write_bytes(bytes(128) + images.tobytes())
    picture, mirrored = thumbnails(tmp_path / "images.npy", (2, *shape))
    assert np.allclose(picture[:, ::-1], mirrored)
