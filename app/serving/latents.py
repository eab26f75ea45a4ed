"""Latents as clients write them, and the points that they stand for."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.domain.errors import InvalidRequest
from app.domain.validation import show_value
from app.serving.latent_library import EMPTY_LIBRARY, LatentLibrary, References
from app.serving.request_bodies import FLOAT_AS_INT, StrictBody, exactly_one_schema
from models.config import MAX_SEED
from models.directions.vectors import DirectionError, move
from models.samples import Point, Vector
from models.seeds import latent_from_seed

MAX_LATENT_DIM = 1024
MAX_KEYFRAMES = 64
MAX_PARTS = 64  # of one mix
MAX_DEPTH = 8  # of nested mixes
MAX_EDITS = 16  # of one latent
MAX_AMOUNT = 10.0  # of one edit; a latent of 100 values has a length of about 10
MAX_ALL_PARTS = MAX_KEYFRAMES * MAX_PARTS  # of all mixes of one morph, nested ones included
# A value drawn from N(0, 1) is hardly ever beyond 6; the bound keeps float32 from overflowing.
MAX_VALUE = 1000.0
# The sum of vectors counts as zero below this fraction of the vectors' mean length.
LEAST_LENGTH = 1e-6

Seed = Annotated[int, Field(strict=True, ge=0, le=MAX_SEED), FLOAT_AS_INT]
Number = Annotated[float, Field(strict=True, ge=-MAX_VALUE, le=MAX_VALUE, allow_inf_nan=False)]
Amount = Annotated[float, Field(strict=True, ge=-MAX_AMOUNT, le=MAX_AMOUNT, allow_inf_nan=False)]
ReferenceName = Annotated[str, Field(min_length=1, max_length=64)]  # of a latent or a direction
JobId = Annotated[str, Field(min_length=1, max_length=32)]
Method = Literal["slerp", "lerp", "spline"]
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


def _limit_edits(edits: Any) -> Any:
    """The unparsed edits; refuses too many before each costs an error message of its own."""
    if isinstance(edits, dict) and len(edits) > MAX_EDITS:
        raise PydanticCustomError(
            "edits",
            "there are {given} edits, and a latent has at most {most}",
            {"given": len(edits), "most": MAX_EDITS},
        )
    return edits


Edits = Annotated[dict[ReferenceName, Amount], BeforeValidator(_limit_edits)]


class LatentSource(StrictBody):
    """Where a latent comes from, without a name: `edits` move it along named directions."""

    sources: ClassVar[tuple[str, ...]] = ("seed", "latent", "mix", "projection")

    seed: Seed | None = None
    latent: LatentValues | None = None
    mix: (
        Annotated[list["MixPart"], Field(min_length=1, max_length=MAX_PARTS, fail_fast=True)] | None
    ) = None
    projection: JobId | None = None
    edits: Edits | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(getattr(self, name) is not None for name in self.sources) != 1:
            names = ", ".join(self.sources)
            raise PydanticCustomError("latent", "give exactly one of {names}", {"names": names})
        if self._depth > MAX_DEPTH:
            raise PydanticCustomError(
                "depth", "mixes are nested more than {most} deep", {"most": MAX_DEPTH}
            )
        return self

    @cached_property
    def _depth(self) -> int:
        return max((1 + part._depth for part in self.mix or ()), default=0)


class Latent(LatentSource):
    """Exactly one of `seed`, `latent` (its values), `mix` (a weighted mean of others), `name` (of a
    saved latent) and `projection` (the id of a job that projected a picture).

    `edits` maps directions to amounts: the latent moves by each amount along the direction, and
    keeps its length.
    """

    model_config = exactly_one_schema(
        seed="integer", latent="array", mix="array", name="string", projection="string"
    )
    sources: ClassVar[tuple[str, ...]] = ("seed", "latent", "mix", "name", "projection")

    name: ReferenceName | None = None


class MixPart(Latent):
    """One part of a mix. Weights may be negative; only their proportions count."""

    weight: Number


LatentSource.model_rebuild()  # its subclasses in other modules do not see MixPart


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


_values, _latent = TypeAdapter[list[float]](LatentValues), TypeAdapter(Latent)


def _parse_latent(value: Any) -> list[float] | Latent:
    """Parse a list of values or a Latent. A union would report the errors of both alternatives."""
    return (
        _values.validate_python(value)
        if isinstance(value, list)
        else _latent.validate_python(value)
    )


# A bare list of numbers stands for {"latent": [...]}.
LatentOrValues = Annotated[
    list[float] | Latent,
    PlainValidator(_parse_latent, json_schema_input_type=LatentValues | Latent),
]
Latents = Annotated[
    list[LatentOrValues], Field(min_length=1, fail_fast=True), BeforeValidator(_limit_parts)
]
Keyframes = Annotated[
    list[Latent],
    Field(min_length=2, max_length=MAX_KEYFRAMES, fail_fast=True),
    BeforeValidator(_limit_parts),
]

# Of a blend: top left, top right, bottom left, bottom right.
Corners = Annotated[
    list[Latent],
    Field(min_length=2, max_length=4, fail_fast=True),
    BeforeValidator(_limit_parts),
]


def _path(*parts: str) -> str:
    """The path of a field in a request. The path of the whole body is empty."""
    return ".".join(part for part in parts if part)


def references(latents: Mapping[str, LatentSource]) -> References:
    """What the latents refer to; `latents` maps their paths in the request to them."""
    found, waiting = References(), list(latents.items())[::-1]
    while waiting:
        path, latent = waiting.pop()
        if isinstance(latent, Latent) and latent.name is not None:
            found.names.setdefault(latent.name, _path(path, "name"))
        if latent.projection is not None:
            found.projections.setdefault(latent.projection, _path(path, "projection"))
        for direction in latent.edits or ():
            found.directions.setdefault(direction, _path(path, "edits", direction))
        parts = enumerate(latent.mix or ())
        waiting += [(_path(path, "mix", str(index)), part) for index, part in parts]
    return found


def to_point(
    latent: LatentSource, latent_dim: int, field: str, library: LatentLibrary = EMPTY_LIBRARY
) -> Point:
    """The seed itself, or a vector; `field` is the latent's path in the request, for errors.

    `library` holds the latent's `references`. Raises InvalidRequest for a latent or a direction of
    another length, and for a mix or an edit that leaves no direction.
    """
    point = _unedited(latent, latent_dim, field, library)
    edits = {name: amount for name, amount in (latent.edits or {}).items() if amount != 0}
    if not edits:
        return point
    return _edit(vector_of(point, latent_dim), edits, _path(field, "edits"), library)


def _unedited(latent: LatentSource, latent_dim: int, field: str, library: LatentLibrary) -> Point:
    if latent.seed is not None:
        return latent.seed
    if latent.latent is not None:
        return to_vector(latent.latent, latent_dim, _path(field, "latent"))
    if latent.mix is not None:
        return _mix(latent.mix, latent_dim, _path(field, "mix"), library)
    if latent.projection is not None:
        vector = library.projections[latent.projection]
        name = f"projection {latent.projection!r}"
        return check_length(vector, latent_dim, name, _path(field, "projection"))
    assert isinstance(latent, Latent)
    assert latent.name is not None
    point = library.latents[latent.name].point
    if isinstance(point, np.ndarray):
        check_length(point, latent_dim, f"latent {latent.name!r}", _path(field, "name"))
    return point


def check_length(vector: Vector, latent_dim: int, name: str, field: str) -> Vector:
    """The saved vector `name`. Raises InvalidRequest unless it has `latent_dim` values."""
    if len(vector) != latent_dim:
        raise InvalidRequest(
            f"{name} has {len(vector)} values, and this checkpoint's latents have {latent_dim}: it "
            "belongs to another checkpoint of the model, which the request can name as checkpoint",
            field=field,
        )
    return vector


def _edit(vector: Vector, edits: Mapping[str, float], field: str, library: LatentLibrary) -> Vector:
    """Move the vector along each direction by its amount, and scale it back to its length.

    The distance from the origin hardly differs between normal latents: off their shell, images get
    worse. The directions are added in the order of their names, so that their order in the request
    changes no bit.
    """
    offset = np.zeros(len(vector))
    for name, amount in sorted(edits.items()):
        path = f"{field}.{name}"
        direction = check_length(library.directions[name], len(vector), f"direction {name!r}", path)
        offset += amount * direction.astype(np.float64)
    try:
        edited: Vector = move(vector[None], offset)[0]
    except DirectionError as error:
        raise InvalidRequest(f"{field} move the latent to the origin", field=field) from error
    return edited


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


def _mix(parts: list[MixPart], latent_dim: int, field: str, library: LatentLibrary) -> Vector:
    """The direction of the weighted mean, at the weighted mean of the lengths.

    The plain mean of normal latents is too short, and its picture is a bland average. A mix of two
    latents in equal parts is the midpoint of their slerp.
    """
    used = [
        (
            part.weight,
            vector_of(to_point(part, latent_dim, f"{field}.{index}", library), latent_dim),
        )
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
    if mean_length <= LEAST_LENGTH * length:
        raise InvalidRequest(f"the parts of {field} cancel each other out", field=field)
    mixed: Vector = (mean * (length / mean_length)).astype(np.float32)
    return mixed
