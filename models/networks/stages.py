"""The stages of a network: a small first side that doubles up to the image's. No torch."""

from typing import NamedTuple

from models.config import MAX_SIDE, MIN_SIDE
from models.ranges import ConfigError

MAX_FIRST_SIDE = 7  # of the shorter side of the first stage; halving further gives at least 4


class Stages(NamedTuple):
    """The height and width of the first stage, and how often they double."""

    height: int
    width: int
    doublings: int


def stages_of(shape: tuple[int, int, int]) -> Stages:
    """(64, 64, 3) -> 4 × 4, 4 doublings; (28, 28, 1) -> 7 × 7, 2; (48, 80, 3) -> 6 × 10, 3.

    Raises ConfigError where a side cannot be halved so often; the message names the nearest shape
    that can.
    """
    height, width, _ = shape
    base, doublings = min(height, width), 0
    while base > MAX_FIRST_SIDE:
        base, doublings = base // 2, doublings + 1
    unit = 2**doublings
    if height % unit or width % unit:
        raise ConfigError(
            "shape",
            list(shape),
            "cannot be reached by doubling a small first stage: the nearest shape that can is "
            f"{_nearest(height, width)} (height × width); make the dataset in that size",
        )
    return Stages(height // unit, width // unit, doublings)


def _nearest(height: int, width: int) -> str:
    """The buildable shape with the smallest sum of both sides' changes."""

    def buildable(sides: tuple[int, int]) -> bool:
        base, unit = min(sides), 1
        while base > MAX_FIRST_SIDE:
            base, unit = base // 2, unit * 2
        return sides[0] % unit == 0 and sides[1] % unit == 0

    sides = range(MIN_SIDE, MAX_SIDE + 1)
    candidates = [
        (abs(rows - height) + abs(columns - width), rows, columns)
        for rows in sides
        for columns in sides
        if buildable((rows, columns)) and (height != width or rows == columns)
    ]
    _, rows, columns = min(candidates)
    return f"{rows} × {columns}"
