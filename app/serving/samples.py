"""Samples of requested latents: each with its class, and its source for the recipe."""

from typing import Any

import numpy as np
from pydantic_core import to_json

from app.domain.errors import InvalidRequest
from app.domain.images.checkpoint import GeneratorCheckpoint, find_label, list_classes
from app.serving.latent_library import EMPTY_LIBRARY, LatentLibrary
from app.serving.latents import Latent, LatentSource, to_point
from models.samples import Point, Sample
from models.seeds import class_from_seed, classes_from_seeds

MAX_SOURCE_BYTES = 4096  # of a source in a recipe


def to_sample(
    checkpoint: GeneratorCheckpoint,
    latent: LatentSource,
    field: str,
    *,
    class_name: str | None = None,
    truncation: float = 1.0,
    library: LatentLibrary = EMPTY_LIBRARY,
) -> Sample:
    """The sample of a latent, with the class `class_name`, or else the latent's own.

    Raises what `to_point` and `choose_label` raise.
    """
    point = to_point(latent, checkpoint.latent_dim, field, library)
    if class_name is None:
        class_name = _saved_class(latent, library)
    label = choose_label(checkpoint, class_name, _seed(latent, point, library))
    return Sample(point, label, truncation, _source(latent, point))


def to_keyframes(
    checkpoint: GeneratorCheckpoint,
    latents: list[Latent],
    class_name: str | None = None,
    library: LatentLibrary = EMPTY_LIBRARY,
    field: str = "keyframes",
) -> list[Sample]:
    """The keyframes of a morph: all have the class `class_name`, or else that of the first."""
    first = to_sample(checkpoint, latents[0], f"{field}.0", class_name=class_name, library=library)
    keyframes = [first]
    for index, latent in enumerate(latents[1:], 1):
        point = to_point(latent, checkpoint.latent_dim, f"{field}.{index}", library)
        keyframes.append(Sample(point, first.label, source=_source(latent, point)))
    return keyframes


def _saved_class(latent: LatentSource, library: LatentLibrary) -> str | None:
    """The class that was saved with the latent's name."""
    if isinstance(latent, Latent) and latent.name is not None:
        return library.latents[latent.name].class_name
    return None


def _seed(latent: LatentSource, point: Point, library: LatentLibrary) -> Point:
    """The seed that draws the class, also of an edited latent; else the point."""
    if latent.seed is not None:
        return latent.seed
    if isinstance(latent, Latent) and latent.name is not None:
        return library.latents[latent.name].point
    return point


def _source(latent: LatentSource, point: Point) -> dict[str, Any] | None:
    """The latent as it was requested; None for a seed, for values, and for a very long request."""
    if not isinstance(point, np.ndarray) or (latent.latent is not None and not latent.edits):
        return None
    source = latent.model_dump(include={*latent.sources, "edits"}, exclude_none=True)
    return source if len(to_json(source)) <= MAX_SOURCE_BYTES else None


def choose_label(checkpoint: GeneratorCheckpoint, name: str | None, point: Point) -> int | None:
    """The label of the named class, else the one drawn from the seed; None without classes.

    Raises InvalidRequest for an unknown name, and for a latent without a name.
    """
    if name is not None:
        return find_label(checkpoint, name)
    if not checkpoint.classes:
        return None
    if isinstance(point, np.ndarray):
        raise InvalidRequest(
            f"model {checkpoint.model!r} is conditional and only a seed draws its class: "
            f"give class, one of {list_classes(checkpoint.classes)}",
            field="class",
        )
    return class_from_seed(point, len(checkpoint.classes))


def to_samples(
    checkpoint: GeneratorCheckpoint, name: str | None, points: list[Point], truncation: float = 1.0
) -> list[Sample]:
    """Each point with the label that `choose_label` gives it. Raises what `choose_label` raises."""
    seeds = [point for point in points if isinstance(point, int)]
    if name is not None or not checkpoint.classes or len(seeds) < len(points):
        return [
            Sample(point, choose_label(checkpoint, name, point), truncation) for point in points
        ]
    labels = classes_from_seeds(seeds, len(checkpoint.classes)).tolist()
    return [Sample(point, label, truncation) for point, label in zip(points, labels, strict=True)]
