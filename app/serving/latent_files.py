"""Files of named latents, JSON and NPZ: written for export, and read back.

An NPZ has the arrays `names` (N,), `latents` (N, D) float32, also of those that stand for a seed,
`seeds` (N,) int64 with -1 for none, and `details`: the UTF-8 bytes of a JSON list with the other
fields. To read one, `names` and one of `latents` and `seeds` suffice.
"""

import io
import math
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Self

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError, from_json, to_json

from app.domain.errors import Conflict, InvalidRequest
from app.domain.images.checkpoint import GeneratorCheckpoint, find_label
from app.domain.images.recipes import shortest_decimals
from app.domain.named_latents import (
    LATENT_NAME_PATTERN,
    LATENT_NAME_RULE,
    MAX_LATENTS,
    is_name,
    point_of,
)
from app.domain.tables import NamedLatent
from app.domain.validation import NAME_PATTERN, explain_error, known_fields, show_value
from app.serving.latents import MAX_VALUE, LatentValues, Seed, to_vector, vector_of
from app.serving.request_bodies import StrictBody, exactly_one_schema, limit_fields
from models.samples import pack_vector

MAX_NPZ_BYTES = 64 * 1024**2  # of all its arrays, unpacked
MAX_NOTE, MAX_TAGS = 2000, 16


def _check_name(name: str) -> str:
    if not is_name(name):
        raise PydanticCustomError(
            "latent_name",
            "{name} is not {rule}",
            {"name": show_value(name), "rule": LATENT_NAME_RULE},
        )
    return name


LatentName = Annotated[
    str, AfterValidator(_check_name), Field(json_schema_extra={"pattern": LATENT_NAME_PATTERN})
]
Tag = Annotated[str, Field(pattern=NAME_PATTERN)]
Note = Annotated[str, Field(max_length=MAX_NOTE)]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS, fail_fast=True)]
ClassName = Annotated[str | None, Field(alias="class", max_length=255)]


class LatentDetails(StrictBody):
    """What is stored about a named latent besides its values. An import ignores `created_at`."""

    class_name: ClassName = None
    note: Note | None = None
    tags: Tags | None = None
    source: Annotated[dict[str, Any], BeforeValidator(limit_fields)] | None = None
    checkpoint: Annotated[str, Field(max_length=32)] | None = None
    created_at: Annotated[str, Field(max_length=64)] | None = None


class LatentEntry(LatentDetails):
    """A named latent: the seed that draws it, or its values."""

    model_config = exactly_one_schema(seed="integer", latent="array")

    name: LatentName
    seed: Seed | None = None
    latent: LatentValues | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.seed is None) == (self.latent is None):
            raise PydanticCustomError("latent", "give exactly one of seed, latent")
        return self


class LatentFile(StrictBody):
    """The named latents of a model. `model` says where they come from, and is ignored when the file
    is imported."""

    model: Annotated[str, Field(max_length=64)] | None = None
    latents: Annotated[list[LatentEntry], Field(max_length=MAX_LATENTS, fail_fast=True)]

    @classmethod
    def of(cls, model: str, rows: Sequence[NamedLatent]) -> dict[str, Any]:
        """The file as JSON."""
        return {"model": model, "latents": [_identity(row) | _details(row) for row in rows]}


def _identity(row: NamedLatent) -> dict[str, Any]:
    point = point_of(row)
    if isinstance(point, int):
        return {"name": row.name, "seed": point}
    return {"name": row.name, "latent": shortest_decimals(point)}


def _details(row: NamedLatent) -> dict[str, Any]:
    return {
        "class": row.class_name,
        "note": row.note,
        "tags": row.tags,
        "source": row.source or None,
        "checkpoint": row.checkpoint,
        "created_at": datetime.fromtimestamp(row.created_at, UTC).isoformat(),
    }


def write_npz(rows: Sequence[NamedLatent], latent_dim: int) -> bytes:
    """Encode the latents as an NPZ. Raises Conflict for latents of another length than the served
    checkpoint's."""
    points = [point_of(row) for row in rows]
    latents = np.empty((len(rows), latent_dim), np.float32)
    for row, point, target in zip(rows, points, latents, strict=True):
        vector = vector_of(point, latent_dim)
        if len(vector) != latent_dim:
            raise Conflict(
                f"latent {row.name!r} has {len(vector)} values, and those of the served checkpoint "
                f"have {latent_dim}: an array has one length only, use latents.json"
            )
        target[:] = vector
    details = np.frombuffer(to_json([_details(row) for row in rows]), np.uint8)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        names=np.array([row.name for row in rows], "U64"),
        latents=latents,
        seeds=np.array([point if isinstance(point, int) else -1 for point in points], np.int64),
        details=details,
    )
    return buffer.getvalue()


def read_npz(data: bytes, checkpoint: GeneratorCheckpoint) -> list[NamedLatent]:
    """The latents in an NPZ, as rows to save. Raises InvalidRequest."""
    arrays = _read_arrays(data)
    names = _names(arrays)
    seeds = _seeds(arrays, len(names))
    latents = _latents(arrays, len(names), checkpoint.latent_dim)
    if latents is None and (seeds < 0).any():
        raise InvalidRequest("there are neither latents nor a seed for each name", field="latents")
    entries = []
    for index, details in enumerate(_read_details(arrays, len(names))):
        # The values stay in their array: as Python's numbers, they take eight times the memory.
        entries.append(details | {"name": names[index], "seed": max(0, int(seeds[index]))})
    rows = rows_of(_validate(entries).latents, checkpoint)
    for index, row in enumerate(rows):
        if seeds[index] < 0 and latents is not None:
            row.seed, row.latent = None, pack_vector(latents[index])
    return rows


def rows_of(entries: Sequence[LatentEntry], checkpoint: GeneratorCheckpoint) -> list[NamedLatent]:
    """The rows to save for a model that serves `checkpoint`.

    Raises InvalidRequest for a name that occurs twice, and for a latent or a class that the
    checkpoint does not have.
    """
    rows, names = [], set()
    for index, entry in enumerate(entries):
        field = f"latents.{index}"
        if entry.name in names:
            raise InvalidRequest(
                f"{field}.name: {entry.name!r} occurs twice", field=f"{field}.name"
            )
        names.add(entry.name)
        if entry.class_name is not None:
            find_label(checkpoint, entry.class_name)
        row = NamedLatent(
            model=checkpoint.model,
            name=entry.name,
            seed=entry.seed,
            latent=None,
            source=entry.source or {},
            class_name=entry.class_name,
            note=entry.note,
            tags=list(dict.fromkeys(entry.tags or ())),
            checkpoint=entry.checkpoint,
        )
        if entry.latent is not None:
            vector = to_vector(entry.latent, checkpoint.latent_dim, f"{field}.latent")
            row.latent = pack_vector(vector)
        rows.append(row)
    return rows


def _read_arrays(data: bytes) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > MAX_NPZ_BYTES:
                raise InvalidRequest(
                    f"the NPZ unpacks to {size:,} bytes; the limit is {MAX_NPZ_BYTES:,}: send "
                    "fewer latents"
                )
            arrays = {
                name: _read_array(archive.read(f"{name}.npy"))
                for name in ("names", "latents", "seeds", "details")
                if f"{name}.npy" in archive.namelist()
            }
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError) as exc:
        raise InvalidRequest(f"the body is not a readable NPZ: {exc}") from exc
    if "names" not in arrays:
        raise InvalidRequest("the NPZ has no array `names`", field="names")
    return arrays


def _read_array(data: bytes) -> np.ndarray:
    """Read one array; raise ValueError unless the header's shape fits the bytes, before an array is
    allocated."""
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError("an array's shape does not fit its bytes")
    array: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
    return array


def _names(arrays: dict[str, np.ndarray]) -> list[str]:
    array = arrays["names"]
    try:
        names: list[str] = array.tolist() if array.ndim == 1 and array.dtype.kind == "U" else []
    except ValueError:  # no characters of Unicode
        names = []
    if not 1 <= len(names) <= MAX_LATENTS:
        raise InvalidRequest(
            f"names is not an array of 1 to {MAX_LATENTS:,} strings", field="names"
        )
    return names


def _seeds(arrays: dict[str, np.ndarray], count: int) -> np.ndarray:
    seeds = arrays.get("seeds", np.full(count, -1, np.int64))
    if seeds.shape != (count,) or seeds.dtype.kind not in "iu":
        raise InvalidRequest(f"seeds is not an array of {count} whole numbers", field="seeds")
    return seeds


def _latents(arrays: dict[str, np.ndarray], count: int, latent_dim: int) -> np.ndarray | None:
    latents = arrays.get("latents")
    if latents is None:
        return None
    if latents.shape != (count, latent_dim) or latents.dtype.kind != "f":
        raise InvalidRequest(
            f"latents is {latents.dtype.name} of the shape {latents.shape}; {count} latents of "
            f"this model are floats of the shape ({count}, {latent_dim})",
            field="latents",
        )
    if not (np.abs(latents) <= MAX_VALUE).all():
        raise InvalidRequest(
            f"latents has values that are not finite or beyond ±{MAX_VALUE:g}", field="latents"
        )
    return latents.astype(np.float32)


def _read_details(arrays: dict[str, np.ndarray], count: int) -> list[dict[str, Any]]:
    if "details" not in arrays:
        return [{} for _ in range(count)]
    try:
        details = from_json(arrays["details"].astype(np.uint8).tobytes(), allow_inf_nan=False)
        parsed = _DETAILS.validate_python(details)
    except (ValueError, TypeError) as exc:  # a ValidationError is a ValueError
        raise InvalidRequest(
            "details is not the JSON of a list of objects, as an export writes it", field="details"
        ) from exc
    if len(parsed) != count:
        raise InvalidRequest(f"details has {len(parsed)} items for {count} names", field="details")
    return parsed


_DETAILS = TypeAdapter(list[dict[str, Any]])


def _validate(entries: list[dict[str, Any]]) -> LatentFile:
    try:
        return LatentFile.model_validate({"latents": entries})
    except ValidationError as exc:
        first = exc.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        reason = explain_error(first, known_fields(LatentFile, first["loc"]))
        raise InvalidRequest(f"{path}: {reason}", field=path) from exc
