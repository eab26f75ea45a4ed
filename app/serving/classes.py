"""The class of an image: the one that a client names, else the one that its seed draws."""

import sys

import numpy as np

from app.domain.errors import InvalidRequest
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.images.classes import find_label, list_classes
from models.samples import Point, Sample


def choose_label(checkpoint: ServedCheckpoint, name: str | None, point: Point) -> int | None:
    """The number of the class named, else drawn from the seed; None without classes.

    Raises InvalidRequest for a name that the model has not, and for a latent without one.
    """
    if name is not None:
        return find_label(checkpoint, name)
    if not checkpoint.classes:
        return None
    if isinstance(point, np.ndarray):
        raise InvalidRequest(
            f"model {checkpoint.model!r} is conditional and only a seed draws its class: "
            f"give class, one of {list_classes(checkpoint)}",
            field="class",
        )
    from models.latents import class_from_seed  # torch: loaded when it is first needed

    return class_from_seed(point, len(checkpoint.classes))


def draws_at_once(checkpoint: ServedCheckpoint) -> bool:
    """Whether a seed's class is drawn in microseconds: the first draw of a process loads torch,
    which takes a second."""
    return not checkpoint.classes or "torch" in sys.modules


def to_samples(checkpoint: ServedCheckpoint, name: str | None, points: list[Point]) -> list[Sample]:
    """Each point with its class, as `choose_label` has it."""
    return [Sample(point, choose_label(checkpoint, name, point)) for point in points]
