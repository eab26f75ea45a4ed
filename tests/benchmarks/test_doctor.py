import numpy as np
import pytest
from PIL import Image

from benchmarks.doctor import FAULTS, plant


@pytest.mark.parametrize("channels", [1, 3])
def test_every_fault_changes_an_image_and_keeps_its_shape(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (32, 40, channels), np.uint8)
    image = Image.fromarray(pixels.squeeze())
    for variants in FAULTS.values():
        for name, fault in variants.items():
            faulty = fault(image, np.random.default_rng(1))
            assert (faulty.size, faulty.mode) == (image.size, image.mode), name
            assert not np.array_equal(np.asarray(faulty), np.asarray(image)), name


def test_planted_images_are_at_the_given_indices() -> None:
    clean = np.random.default_rng(0).integers(0, 255, (80, 32, 32, 3), np.uint8)
    stranger = np.zeros((2, 32, 32, 3), np.uint8)
    planted = plant(clean, {"black": stranger})
    assert np.array_equal(planted.images[:80], clean)
    assert (planted.images[planted.indices["outliers", "black"]] == 0).all()
    indices = np.concatenate(list(planted.indices.values()))
    assert np.array_equal(np.sort(indices), np.arange(80, len(planted.images)))
    mirrored = planted.images[planted.indices["near_duplicates", "mirrored"]]
    assert all((clean == image[:, ::-1]).all((1, 2, 3)).any() for image in mirrored)
