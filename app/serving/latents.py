"""Latents and classes as clients write them, and the samples that they stand for."""

from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.domain.errors import InvalidRequest
from app.domain.images.checkpoint import GeneratorCheckpoint, find_label, list_classes
from app.domain.validation import show_value
from app.serving.request_bodies import FLOAT_AS_INT, StrictBody, exactly_one_schema
from models.config import MAX_SEED
from models.samples import Point, Sample, Vector
from models.seeds import class_from_seed, classes_from_seeds, latent_from_seed

MAX_LATENT_DIM = 1024
MAX_KEYFRAMES = 64
MAX_PARTS = 64  # of one mix
MAX_DEPTH = 8  # of nested mixes
MAX_ALL_PARTS = MAX_KEYFRAMES * MAX_PARTS  # of all mixes of one morph, nested ones included
# A value drawn from N(0, 1) is hardly ever beyond 6; the bound keeps float32 from overflowing.
MAX_VALUE = 1000.0
# The mean of a mix counts as zero below this fraction of its parts' mean length.
LEAST_MIX_LENGTH = 1e-6

Seed = Annotated[int, Field(strict=True, ge=0, le=MAX_SEED), FLOAT_AS_INT]
Number = Annotated[float, Field(strict=True, ge=-MAX_VALUE, le=MAX_VALUE, allow_inf_nan=False)]
Method = Literal["slerp", "lerp"]
Easing = Literal["linear", "smooth", "even"]
LatentValues = Annotated[
    list[Number], Field(min_length=1, max_length=MAX_LATENT_DIM, fail_fast=True)
]


def _explain_truncation(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Validate a truncation; one error with the whole range instead of one for each bound."""
    try:
        return validate(value)
    except ValidationError as exc:
        raise PydanticCustomError(
            "truncation",
            "{value} is not a number above 0 and at most 1",
            {"value": show_value(value)},
        ) from exc


# The factor ψ by which latents are scaled: in a request's body, and in a query.
Truncation = Annotated[
    float,
    Field(strict=True, gt=0, le=1, allow_inf_nan=False),
    WrapValidator(_explain_truncation),
]
QueryTruncation = Annotated[
    float, Field(gt=0, le=1, allow_inf_nan=False), WrapValidator(_explain_truncation)
]


class Latent(StrictBody):
    """Exactly one of `seed`, `latent` (its values) and `mix` (a weighted mean of others)."""

    model_config = exactly_one_schema(seed="integer", latent="array", mix="array")

    seed: Seed | None = None
    latent: LatentValues | None = None
    mix: (
        Annotated[list["MixPart"], Field(min_length=1, max_length=MAX_PARTS, fail_fast=True)] | None
    ) = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for value in (self.seed, self.latent, self.mix)) != 1:
            raise PydanticCustomError("latent", "give exactly one of seed, latent, mix")
        if self._depth > MAX_DEPTH:
            raise PydanticCustomError(
                "depth", "mixes are nested more than {most} deep", {"most": MAX_DEPTH}
            )
        return self

    @cached_property
    def _depth(self) -> int:
        return max((1 + part._depth for part in self.mix or ()), default=0)


class MixPart(Latent):
    """One part of a mix. Weights may be negative; only their proportions count."""

    weight: Number


def _limit_parts(keyframes: Any) -> Any:
    """The unparsed keyframes; refuses them if their mixes have too many parts in all.

    Each invalid part would cost an error message of its own, so they are counted before pydantic
    looks at them.
    """
    lists, parts = [keyframes], 0
    while lists:
        latents = lists.pop()
        if not isinstance(latents, list):
            continue
        if latents is not keyframes:
            parts += len(latents)
        if parts > MAX_ALL_PARTS:
            raise PydanticCustomError(
                "parts",
                "its mixes have more than {most} parts in all, nested mixes included: "
                "replace a mix that is used often by its values, as latent",
                {"most": MAX_ALL_PARTS},
            )
        lists += [
            latent["mix"] for latent in latents if isinstance(latent, dict) and "mix" in latent
        ]
    return keyframes


Keyframes = Annotated[
    list[Latent],
    Field(min_length=2, max_length=MAX_KEYFRAMES, fail_fast=True),
    BeforeValidator(_limit_parts),
]


def to_point(latent: Latent, latent_dim: int, field: str) -> Point:
    """The seed itself, or a vector; `field` is the latent's path in the request, for errors.

    Raises InvalidRequest for a latent of another length, and for a mix without a direction.
    """
    if latent.seed is not None:
        return latent.seed
    if latent.latent is not None:
        return to_vector(latent.latent, latent_dim, f"{field}.latent")
    return _mix(latent.mix or [], latent_dim, f"{field}.mix")


def to_vector(values: list[float], latent_dim: int, field: str) -> Vector:
    """The values in float32. Raises InvalidRequest unless there are `latent_dim` of them."""
    if len(values) != latent_dim:
        raise InvalidRequest(
            f"{field} has {len(values)} values; this model's latents have {latent_dim}",
            field=field,
        )
    return np.array(values, np.float32)


def vector_of(point: Point, latent_dim: int) -> Vector:
    """The latent of a seed; a vector is returned unchanged."""
    if isinstance(point, np.ndarray):
        return point
    return latent_from_seed(point, latent_dim)


def _mix(parts: list[MixPart], latent_dim: int, field: str) -> Vector:
    """The direction of the weighted mean, at the weighted mean of the lengths.

    The plain mean of normal latents is too short, and its picture is a bland average. A mix of two
    latents in equal parts is the midpoint of their slerp.
    """
    used = [
        (part.weight, vector_of(to_point(part, latent_dim, f"{field}.{index}"), latent_dim))
        for index, part in enumerate(parts)
        if part.weight != 0
    ]
    if not used:
        raise InvalidRequest(f"every weight of {field} is 0", field=field)
    if len(used) == 1 and used[0][0] > 0:
        return used[0][1]
    weights = np.array([weight for weight, _ in used], np.float64)
    weights /= np.abs(weights).sum()
    vectors = np.stack([vector for _, vector in used]).astype(np.float64)
    mean = weights @ vectors
    length = np.abs(weights) @ np.linalg.norm(vectors, axis=1)
    mean_length = np.linalg.norm(mean)
    if mean_length <= LEAST_MIX_LENGTH * length:
        raise InvalidRequest(f"the parts of {field} cancel each other out", field=field)
    mixed: Vector = (mean * (length / mean_length)).astype(np.float32)
    return mixed


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
            f"give class, one of {list_classes(checkpoint)}",
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
