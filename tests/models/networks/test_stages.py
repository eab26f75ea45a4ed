"""A picture's sides follow from a small start by doubling."""

import pytest

from models.networks.stages import stages_of
from models.ranges import ConfigError


@pytest.mark.parametrize(
    ("shape", "stages"),
    [
        ((28, 28, 1), (7, 7, 2)),
        ((32, 32, 3), (4, 4, 3)),
        ((64, 64, 3), (4, 4, 4)),
        ((256, 256, 3), (4, 4, 6)),
        ((48, 80, 3), (6, 10, 3)),
        ((128, 64, 4), (8, 4, 4)),
    ],
)
def test_the_shorter_side_starts_from_four_to_seven(
    shape: tuple[int, int, int], stages: tuple[int, int, int]
) -> None:
    assert stages_of(shape) == stages


@pytest.mark.parametrize(
    ("shape", "nearest"),
    [((50, 50, 3), "48 × 48"), ((64, 65, 3), "64 × 64"), ((255, 255, 1), "256 × 256")],
)
def test_a_shape_that_cannot_be_halved_evenly_names_the_nearest_that_can(
    shape: tuple[int, int, int], nearest: str
) -> None:
    with pytest.raises(ConfigError, match=nearest) as caught:
        stages_of(shape)
    assert caught.value.field == "shape"
