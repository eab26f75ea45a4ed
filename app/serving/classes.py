"""The class of an image: the one that a client names, else the one that its seed draws."""

import numpy as np

from app.domain.errors import InvalidRequest
from app.domain.pictures.checkpoint import ServedCheckpoint
from models.samples import Point, Sample

NAMES_SHOWN = 20


def choose_label(checkpoint: ServedCheckpoint, name: str | None, point: Point) -> int | None:
    """The number of the class named, else drawn from the seed; None without classes.

    Raises InvalidRequest for a name that the model has not, and for a latent without one.
    """
    if name is not None:
        return _find(checkpoint, name)
    if not checkpoint.classes:
        return None
    if isinstance(point, np.ndarray):
        raise InvalidRequest(
            f"model {checkpoint.model!r} is conditional and only a seed draws its class: "
            f"give class, one of {_names(checkpoint)}",
            field="class",
        )
    from models.latents import class_from_seed  # torch: loaded when it is first needed

    return class_from_seed(point, len(checkpoint.classes))


def to_samples(checkpoint: ServedCheckpoint, name: str | None, points: list[Point]) -> list[Sample]:
    """Each point with its class, as `choose_label` has it."""
    return [Sample(point, choose_label(checkpoint, name, point)) for point in points]


def _find(checkpoint: ServedCheckpoint, name: str) -> int:
    if not checkpoint.classes:
        raise InvalidRequest(
            f"model {checkpoint.model!r} is not conditional, so it has no class "
            f"{name[:100]!r}: leave class out",
            field="class",
        )
    if name not in checkpoint.classes:
        raise InvalidRequest(
            f"model {checkpoint.model!r} has no class {name[:100]!r}: it has {_names(checkpoint)}",
            field="class",
        )
    return checkpoint.classes.index(name)


def _names(checkpoint: ServedCheckpoint) -> str:
    shown = ", ".join(checkpoint.classes[:NAMES_SHOWN])
    more = len(checkpoint.classes) - NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
