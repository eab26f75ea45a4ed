"""Directions taught by examples: gathers the examples of both sides, and fits the direction.

The fit takes about a second on one core, most of it in the embedding of the examples' images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from anyio import to_thread

from app.domain.errors import InvalidRequest
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.serving.engine import Engine
from models.directions.effects import (
    EFFECT_SEEDS,
    effect_of,
    latents_of_effect,
    moved_both_ways,
)
from models.directions.taught import Examples, Taught, Teacher
from models.directions.vectors import DirectionError
from models.onnx_generator import latents_of
from models.samples import Features, Sample, Vector
from models.scoring.sample_index import SampleIndex
from models.seeds import Latents, classes_from_seeds, latents_from_seeds

MIN_EXAMPLES = 2  # on each side: one to learn from, and one to measure the accuracy with


class Group(NamedTuple):
    """Examples of one side: their embeddings, and their latents unless they are real pictures."""

    features: Features
    latents: Latents | None = None


@dataclass(frozen=True)
class TaughtDirection:
    """A taught direction, with what its users need to judge it.

    `effect`: the mean distance between embeddings before and after a move by ±2. `raised`: the
    share of seeds whose image looks more like the positive examples at +2 than at -2.
    """

    vector: Vector
    details: dict[str, Any]


async def generated_group(
    engine: Engine, checkpoint: GeneratorCheckpoint, samples: Sequence[Sample]
) -> Group:
    """The group of generated images."""
    pixels = await engine.generate(checkpoint, samples)
    latents = latents_of(samples, checkpoint.latent_dim)
    return Group(await engine.embedding_thread.embed(pixels), latents)


async def teach(
    engine: Engine,
    checkpoint: GeneratorCheckpoint,
    index: SampleIndex,
    groups: dict[str, list[Group]],
    orthogonal_to: dict[str, Vector],
) -> TaughtDirection:
    """Fit the direction from the groups of `negative` to those of `positive`, and measure it.

    Raises InvalidRequest for too few examples, for examples on both sides, and for a direction that
    lies within those of `orthogonal_to`.
    """
    taught = await to_thread.run_sync(
        _fit, index, checkpoint.latent_dim, groups, list(orthogonal_to.values())
    )
    effect, raised = await _measure(engine, checkpoint, taught)
    details = {
        "effect": round(effect, 4),
        "raised": round(raised, 4),
        "accuracy": {
            "value": round(taught.accuracy.value, 4),
            "low": round(taught.accuracy.low, 4),
            "high": round(taught.accuracy.high, 4),
            "examples": taught.accuracy.examples,
        },
        "positive": _count(groups["positive"]),
        "negative": _count(groups["negative"]),
        "orthogonal_to": list(orthogonal_to),
    }
    return TaughtDirection(taught.vector, details)


def _fit(
    index: SampleIndex,
    latent_dim: int,
    groups: dict[str, list[Group]],
    others: list[Vector],
) -> Taught:
    latents = latents_from_seeds(index.seeds, latent_dim)
    sides = {side: _joined(of_side, index, latents) for side, of_side in groups.items()}
    for side, group in sides.items():
        if len(group.features) < MIN_EXAMPLES:
            raise InvalidRequest(
                f"{side} has {len(group.features)} examples: a direction needs at least "
                f"{MIN_EXAMPLES} on each side, and 10 or more make it better",
                field=side,
            )
    _refuse_shared(sides["positive"], sides["negative"])
    examples = Examples(
        np.concatenate([group.features for group in sides.values()]),
        np.concatenate([group.latents for group in sides.values() if group.latents is not None]),
        np.arange(sum(len(group.features) for group in sides.values()))
        < len(sides["positive"].features),
    )
    try:
        return Teacher(latents, index.features, index.labels).teach(examples, others)
    except DirectionError as error:
        field = "orthogonal_to" if others else "positive"
        raise InvalidRequest(f"the examples define no direction: {error}", field=field) from error


def _joined(groups: list[Group], index: SampleIndex, latents: Latents) -> Group:
    """One group; a real picture gets the latent of the index's most similar image."""
    if not groups:
        return Group(np.empty((0, index.features.shape[1]), np.float32))
    joined = [
        latents[index.nearest_images(group.features)] if group.latents is None else group.latents
        for group in groups
    ]
    features = np.concatenate([group.features for group in groups])
    return Group(features, np.concatenate(joined))


def _refuse_shared(positive: Group, negative: Group) -> None:
    """Raise InvalidRequest for an image that is an example of both sides."""
    positive_numbers = {
        features.tobytes(): number for number, features in enumerate(positive.features)
    }
    for number, features in enumerate(negative.features):
        if features.tobytes() in positive_numbers:
            raise InvalidRequest(
                f"example {number} of negative is the same image as example "
                f"{positive_numbers[features.tobytes()]} of positive: leave it out on one side",
                field="negative",
            )


async def _measure(
    engine: Engine, checkpoint: GeneratorCheckpoint, taught: Taught
) -> tuple[float, float]:
    """The effect of the direction, and the share of seeds whose logit it raises."""
    before = latents_of_effect(checkpoint.latent_dim)
    labels: list[int] | list[None] = [None] * len(before)
    if checkpoint.classes:
        labels = classes_from_seeds(EFFECT_SEEDS, len(checkpoint.classes)).tolist()

    async def features(latents: Latents) -> Features:
        samples = [Sample(row, label) for row, label in zip(latents, labels, strict=True)]
        return (await generated_group(engine, checkpoint, samples)).features

    unmoved = await features(before)
    lower, upper = [await features(moved) for moved in moved_both_ways(before, taught.vector)]
    raised = (taught.classifier(upper) > taught.classifier(lower)).mean()
    return effect_of(unmoved, [lower, upper]), float(raised)


def _count(groups: list[Group]) -> int:
    return sum(len(group.features) for group in groups)
