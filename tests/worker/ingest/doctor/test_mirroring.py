"""Whether pictures may be mirrored, measured on real ones."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from worker.ingest.doctor.mirroring import (
    MIN_MIRROR_IMAGES,
    is_mirrorable,
    mirror_accuracy,
    thumbnails,
)

Run = Callable[..., Any]


def measured(outcome: Any) -> float:
    return mirror_accuracy(thumbnails(outcome.folder / "images.npy", outcome.images.shape))


@pytest.fixture(scope="module")
def some_of_cifar(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4,000 of the 50,000, of every class."""
    path = tmp_path_factory.mktemp("cifar") / "some.zip"
    with zipfile.ZipFile(shared_data / "cifar10.zip") as every, zipfile.ZipFile(path, "w") as some:
        names = [name for name in every.namelist() if not name.endswith("/")]
        for name in names[:: len(names) // 4000]:
            some.writestr(name, every.read(name))
    return path


def test_cats_may_be_mirrored(ingest: Run, shared_data: Path) -> None:
    outcome = ingest([shared_data / "cats-3000.zip"], size=64, max_images=3000)
    assert outcome.packed.horizontal_flip is True
    assert 0.5 < measured(outcome) < 0.65  # photographs are not quite even: 0.58


def test_photographs_of_things_may_be_mirrored(ingest: Run, some_of_cifar: Path) -> None:
    outcome = ingest([some_of_cifar], max_images=5000)
    assert outcome.packed.horizontal_flip is True
    assert 0.45 < measured(outcome) < 0.55


@pytest.mark.parametrize("fit", [{"size": 28}, {"size": (96, 48), "fit": "pad"}])
def test_digits_must_not_be_mirrored(ingest: Run, shared_data: Path, fit: dict[str, Any]) -> None:
    outcome = ingest([shared_data / "digits-labelled.zip"], max_images=6000, **fit)
    assert outcome.packed.horizontal_flip is False
    assert measured(outcome) > 0.94


def test_a_hundred_digits_are_enough(ingest: Run, shared_data: Path, tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(shared_data / "digits-labelled.zip") as every,
        zipfile.ZipFile(tmp_path / "few.zip", "w") as few,
    ):
        for name in [name for name in every.namelist() if name.endswith(".png")][::60]:
            few.writestr(name, every.read(name))
    assert ingest([tmp_path / "few.zip"], size=28).packed.horizontal_flip is False


@pytest.mark.parametrize("flip", [True, False])
def test_a_flip_that_the_request_sets_is_not_measured(
    ingest: Run, shared_data: Path, flip: bool
) -> None:
    source = shared_data / "mnist" / "t10k-images-idx3-ubyte.gz"
    outcome = ingest([source], size=28, max_images=10_000, horizontal_flip=flip)
    assert outcome.packed.horizontal_flip is flip


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
