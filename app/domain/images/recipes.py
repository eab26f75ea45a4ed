"""Recipes: what an image was generated from, embedded in its file and hashed into its ETag."""

import json
from typing import Any

import numpy as np

from app.domain.images.checkpoint import GeneratorCheckpoint
from models.onnx_generator import backend
from models.samples import Sample, Vector

Recipe = dict[str, Any]

# json.dumps would create a new encoder at each call.
_to_json = json.JSONEncoder(separators=(",", ":")).encode


def image_recipe(checkpoint: GeneratorCheckpoint, sample: Sample) -> Recipe:
    image = {"class": class_name(checkpoint, sample.label)} | truncation_recipe(sample.truncation)
    return checkpoint_recipe(checkpoint) | sample_recipe(sample) | image


def grid_recipe(checkpoint: GeneratorCheckpoint, samples: list[Sample], columns: int) -> Recipe:
    """`class` is the class that all images share, else None. Conditional images have their own.

    The truncation, which must be the same for all samples, stands in the recipe once.
    """
    images = [sample_recipe(sample) for sample in samples]
    labels = {sample.label for sample in samples}
    if checkpoint.classes:
        for image, sample in zip(images, samples, strict=True):
            image["class"] = class_name(checkpoint, sample.label)
    grid = {
        "class": class_name(checkpoint, labels.pop()) if len(labels) == 1 else None,
        "columns": columns,
        "images": images,
    }
    return checkpoint_recipe(checkpoint) | grid | truncation_recipe(samples[0].truncation)


def interpolation_recipe(
    checkpoint: GeneratorCheckpoint,
    keyframes: list[Sample],
    label: int | None,
    *,
    frames: int,
    method: str,
    easing: str,
    loop: bool,
    repeat: bool,
    fps: float,
    truncation: float,
) -> Recipe:
    morph = {
        "class": class_name(checkpoint, label),
        "keyframes": [sample_recipe(keyframe) for keyframe in keyframes],
        "frames": frames,
        "method": method,
        "easing": easing,
        "loop": loop,
        "repeat": repeat,
        "fps": fps,
    }
    return checkpoint_recipe(checkpoint) | morph | truncation_recipe(truncation)


def checkpoint_recipe(checkpoint: GeneratorCheckpoint) -> Recipe:
    return {
        "model": checkpoint.model,
        "checkpoint": checkpoint.id,
        "sha256": checkpoint.sha256,
        "images_seen": checkpoint.images_seen,
        "backend": backend(),
    }


def class_name(checkpoint: GeneratorCheckpoint, label: int | None) -> str | None:
    return None if label is None else checkpoint.classes[label]


def sample_recipe(sample: Sample) -> Recipe:
    """The seed; or the latent's values, and what they were computed from."""
    if not isinstance(sample.point, np.ndarray):
        return {"seed": sample.point}
    values: Recipe = {"latent": shortest_decimals(sample.point)}
    return values if sample.source is None else values | {"source": sample.source}


def truncation_recipe(truncation: float) -> Recipe:
    """The field that a truncation adds to a recipe: none for latents as they are drawn."""
    return {} if truncation == 1 else {"truncation": truncation}


def shortest_decimals(vector: Vector) -> list[float]:
    """Return the shortest decimals that parse to the same float32 values."""
    return [float(str(value)) for value in vector]


def recipe_text(recipe: Recipe) -> str:
    """Return the recipe as ASCII JSON: a PNG's tEXt chunk is limited to Latin-1."""
    return _to_json(recipe)
