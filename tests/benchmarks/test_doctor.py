import numpy as np
import pytest
from PIL import Image

from benchmarks.doctor import FAULTS, plant


@pytest.mark.parametrize("channels", [1, 3])
def test_every_fault_changes_a_picture_and_keeps_its_shape(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, (32, 40, channels), np.uint8)
    image = Image.fromarray(pixels.squeeze())
    for variants in FAULTS.values():
        for name, fault in variants.items():
            faulty = fault(image, np.random.default_rng(1))
            assert (faulty.size, faulty.mode) == (image.size, image.mode), name
            assert not np.array_equal(np.asarray(faulty), np.asarray(image)), name


def test_planted_pictures_lie_where_it_is_said() -> None:
    clean = np.random.default_rng(0).integers(0, 255, (80, 32, 32, 3), np.uint8)
    stranger = np.zeros((2, 32, 32, 3), np.uint8)
    planted = plant(clean, {"black": stranger})
    assert np.array_equal(planted.images[:80], clean)
    assert (planted.images[planted.places["outliers", "black"]] == 0).all()
    places = np.concatenate(list(planted.places.values()))
    assert np.array_equal(np.sort(places), np.arange(80, len(planted.images)))
    mirrored = planted.images[planted.places["near_duplicates", "mirrored"]]
    assert all((clean == one[:, ::-1]).all((1, 2, 3)).any() for one in mirrored)
