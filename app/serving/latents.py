"""Latents as clients write them, and the points they stand for."""

from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.domain.errors import InvalidRequest
from app.serving.request_bodies import WHOLE, StrictBody, exactly_one
from models.config import MAX_SEED
from models.samples import Point, Vector

MAX_LATENT_DIM = 1024
MAX_KEYFRAMES = 64
MAX_PARTS = 64
MAX_DEPTH = 8  # of mixes in mixes
MAX_ALL_PARTS = MAX_KEYFRAMES * MAX_PARTS  # of one path's mixes, those in mixes included
# Drawn from N(0, 1) a value is hardly ever beyond 6; the bound keeps float32 from overflowing.
MAX_VALUE = 1000.0

Seed = Annotated[int, Field(strict=True, ge=0, le=MAX_SEED), WHOLE]
Number = Annotated[float, Field(strict=True, ge=-MAX_VALUE, le=MAX_VALUE, allow_inf_nan=False)]
Method = Literal["slerp", "lerp"]
Easing = Literal["linear", "smooth", "even"]
Numbers = Annotated[list[Number], Field(min_length=1, max_length=MAX_LATENT_DIM, fail_fast=True)]


class Latent(StrictBody):
    """Exactly one of `seed`, `latent` (its values) and `mix` (a weighted mean of others)."""

    model_config = exactly_one(seed="integer", latent="array", mix="array")

    seed: Seed | None = None
    latent: Numbers | None = None
    mix: (
        Annotated[list["MixPart"], Field(min_length=1, max_length=MAX_PARTS, fail_fast=True)] | None
    ) = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(given is not None for given in (self.seed, self.latent, self.mix)) != 1:
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
    """One part of a mix; only the weights' proportions count, and they may be negative."""

    weight: Number


def _few_parts(given: Any) -> Any:
    """The latents as they came, whose mixes have few enough parts to look at each."""
    mixes, parts = [given], 0
    while mixes:
        latents = mixes.pop()
        if not isinstance(latents, list):
            continue
        if latents is not given:
            parts += len(latents)
        if parts > MAX_ALL_PARTS:
            raise PydanticCustomError(
                "parts",
                "its mixes have more than {most} parts in all, those of mixes in mixes included: "
                "give the values of a mix that is used often as latent",
                {"most": MAX_ALL_PARTS},
            )
        mixes += [one["mix"] for one in latents if isinstance(one, dict) and "mix" in one]
    return given


Keyframes = Annotated[
    list[Latent],
    Field(min_length=2, max_length=MAX_KEYFRAMES, fail_fast=True),
    BeforeValidator(_few_parts),
]


def to_point(latent: Latent, latent_dim: int, field: str) -> Point:
    """The seed as it is, anything else as a vector; `field` is where the client wrote it."""
    if latent.seed is not None:
        return latent.seed
    if latent.latent is not None:
        return to_vector(latent.latent, latent_dim, f"{field}.latent")
    return _mix(latent.mix or [], latent_dim, f"{field}.mix")


def to_vector(values: list[float], latent_dim: int, field: str) -> Vector:
    if len(values) != latent_dim:
        raise InvalidRequest(
            f"{field} has {len(values)} values; this model's latents have {latent_dim}",
            field=field,
        )
    return np.array(values, np.float32)


def draw(point: Point, latent_dim: int) -> Vector:
    """The vector that a seed names; a vector is itself."""
    from models.latents import latent_from_seed  # torch: loaded when it is first needed

    if isinstance(point, np.ndarray):
        return point
    vector: Vector = latent_from_seed(point, latent_dim).numpy()
    return vector


def _mix(parts: list[MixPart], latent_dim: int, field: str) -> Vector:
    """The direction of the weighted mean, at the weighted mean of the lengths.

    The plain mean of normal latents is too short, and its picture a bland average; so is slerp's
    midpoint the mix of two in equal parts.
    """
    used = [
        (part.weight, draw(to_point(part, latent_dim, f"{field}.{number}"), latent_dim))
        for number, part in enumerate(parts)
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
    shrunk = np.linalg.norm(mean)
    if shrunk <= 1e-6 * length:
        raise InvalidRequest(f"the parts of {field} cancel each other out", field=field)
    mixed: Vector = (mean * (length / shrunk)).astype(np.float32)
    return mixed
