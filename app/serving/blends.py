"""The samples between two to four latents at the corners of a square, the pad."""

from collections.abc import Sequence

import numpy as np

from app.domain.errors import InvalidRequest
from app.serving.latents import vector_of
from models.latents import LatentError, blend
from models.samples import Sample

Place = tuple[float, float]  # x to the right and y down, from 0 to 1

MIN_CORNERS, MAX_CORNERS = 2, 4


def corner_weights(corners: int, x: float, y: float) -> list[float]:
    """The weights of the corners: top left, top right, bottom left, bottom right.

    Four corners are weighted bilinearly. With three, the third covers the whole bottom edge. With
    two, only x matters.
    """
    if corners == MIN_CORNERS:
        return [1 - x, x]
    top = [(1 - x) * (1 - y), x * (1 - y)]
    return [*top, y] if corners < MAX_CORNERS else [*top, (1 - x) * y, x * y]


def sheet_places(corners: int, side: int) -> list[Place]:
    """The places of a sheet of `side` × `side` images, row by row; of two corners, one row."""
    steps = [index / (side - 1) for index in range(side)]
    return [(x, y) for y in (steps if corners > MIN_CORNERS else [0.0]) for x in steps]


def blend_samples(
    corners: Sequence[Sample], places: Sequence[Place], latent_dim: int, truncation: float = 1.0
) -> list[Sample]:
    """The sample at each place, with the class of the first corner; at a corner, the corner itself.

    Raises InvalidRequest where the corners cancel each other out.
    """
    weights = np.array([corner_weights(len(corners), x, y) for x, y in places])
    vectors = np.stack([vector_of(corner.point, latent_dim) for corner in corners])
    try:
        blends = blend(vectors, weights)
    except LatentError as error:
        raise InvalidRequest(f"corners: {error}", field="corners") from error
    return [
        corners[int(shares.argmax())]._replace(truncation=truncation)
        if shares.max() == 1
        else Sample(latent, corners[0].label, truncation)
        for shares, latent in zip(weights, blends, strict=True)
    ]
