"""The latents, directions and quality reference in a bundle: written for an export, checked for an
import."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import Field, ValidationError

from app.domain.bundles import DIRECTIONS, LATENTS, REFERENCE
from app.domain.directions import MAX_DIRECTIONS
from app.domain.errors import InvalidRequest
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.recipes import shortest_decimals
from app.domain.imports import FILE_FIELD, ImportedWeights
from app.domain.tables import Direction, NamedLatent
from app.domain.validation import NAME_PATTERN, NAME_RULE, explain_error
from app.serving.latent_files import LatentFile, rows_of
from app.serving.latents import LatentValues
from app.serving.request_bodies import StrictBody
from models.samples import unpack_vector
from models.scoring.reference_file import ReferenceFileError, read_reference

LENGTH_TOLERANCE = 1e-3  # of a direction, which has unit length

PATTERNS = {NAME_PATTERN: NAME_RULE}

Parsed = TypeVar("Parsed", bound=StrictBody)
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Accuracy(StrictBody):
    """The accuracy of a taught direction, with its 95 % interval and the number of examples."""

    value: Share
    low: Share
    high: Share
    examples: Count


class DirectionDetails(StrictBody):
    """What is known about a direction."""

    effect: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    raised: Share | None = None
    accuracy: Accuracy | None = None
    positive: Count | None = None
    negative: Count | None = None
    orthogonal_to: Annotated[list[str], Field(max_length=MAX_DIRECTIONS, fail_fast=True)] | None = (
        None
    )
    found_as: Annotated[str, Field(max_length=64)] | None = None


class DirectionEntry(StrictBody):
    """A direction of unit length."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    method: Literal["ganspace", "sefa", "taught"]
    vector: LatentValues
    details: DirectionDetails


class DirectionFile(StrictBody):
    """The directions of a model."""

    directions: Annotated[list[DirectionEntry], Field(max_length=MAX_DIRECTIONS, fail_fast=True)]


def latent_and_direction_files(
    latents: Sequence[NamedLatent], directions: Sequence[Direction], model: str
) -> dict[str, bytes]:
    """The contents of the two files by their names, without those that would be empty."""
    entries = [
        {
            "name": row.name,
            "method": row.method,
            "vector": shortest_decimals(unpack_vector(row.vector)),
            "details": row.details,
        }
        for row in directions
    ]
    documents = {}
    if latents:
        documents[LATENTS] = _json(LatentFile.of(model, latents))
    if entries:
        documents[DIRECTIONS] = _json({"directions": entries})
    return documents


def check_parts(weights: ImportedWeights, model: str) -> None:
    """Raise InvalidRequest for latents or directions that the model cannot have, and for a broken
    quality reference."""
    header, record = weights.header, weights.record
    checkpoint = GeneratorCheckpoint(
        "", model, "", weights.sha256, header.images_seen, header.config.shape,
        header.config.latent_dim, header.config.classes,
    )  # fmt: skip
    if record.latents is not None:
        latents = _parse(LatentFile, record.latents, LATENTS)
        rows_of(latents.latents, checkpoint)
    if record.directions is not None:
        directions = _parse(DirectionFile, record.directions, DIRECTIONS)
        _check_directions(directions.directions, checkpoint.latent_dim)
    if weights.reference is not None:
        try:
            read_reference(weights.reference)
        except ReferenceFileError as error:
            raise _refusal(REFERENCE, str(error)) from error


def _check_directions(entries: list[DirectionEntry], latent_dim: int) -> None:
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        raise _refusal(DIRECTIONS, "names a direction twice")
    for entry in entries:
        length = float(np.linalg.norm(entry.vector))
        if len(entry.vector) != latent_dim:
            raise _refusal(
                DIRECTIONS,
                f"has {len(entry.vector)} values for {entry.name!r}; this model's latents have "
                f"{latent_dim}",
            )
        if abs(length - 1) > LENGTH_TOLERANCE:
            raise _refusal(DIRECTIONS, f"has the length {length:g} for {entry.name!r}, not 1")


def _parse(kind: type[Parsed], content: Any, name: str) -> Parsed:
    try:
        return kind.model_validate(content, strict=False)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _refusal(
            name, f"is not valid: {place}: {explain_error(first, patterns=PATTERNS)}"
        ) from error


def _refusal(name: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"the bundle's {name} {problem}", field=FILE_FIELD)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
