"""What a client asks a job for: one shape for all kinds, each with its own fields."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, JsonValue

from app.domain.errors import InvalidRequest
from app.routes.fields import CheckpointId, Name
from app.serving.request_bodies import FLOAT_AS_INT, StrictBody, float_as_int, limit_fields
from models.config import field_ranges
from models.presets import PRESETS

FIELDS = {
    "train": ("dataset", "model", "preset", "images", "epochs", "batch_size", "seed",
              "resume_from", "stability", "overrides"),
    "evaluate": ("dataset", "model", "checkpoint", "images"),
    "synthesize": ("model", "checkpoint", "images", "seed", "class", "layout", "format",
                   "shard_images", "reject_copies"),
}  # fmt: skip
# What each kind must have, for the OpenAPI document.
REQUIRED: dict[str, JsonValue] = {
    "if": {"properties": {"kind": {"const": "synthesize"}}, "required": ["kind"]},
    "then": {"required": ["images"], "properties": {"images": {"type": "integer"}}},
    "else": {"required": ["dataset"], "properties": {"dataset": {"type": "string"}}},
}

RANGES = {
    name: {word: value for word, value in described.items() if word != "default"}
    for name, described in field_ranges().items()
}
# Said here and checked by the configuration itself, which tells the field and its range.
OVERRIDES: dict[str, Any] = {"properties": RANGES, "additionalProperties": False}
FieldName = Annotated[str, Field(max_length=64)]


def _described(name: str) -> Any:
    return Field(strict=True, json_schema_extra=RANGES[name])


def _whole_numbers(overrides: dict[str, Any]) -> dict[str, Any]:
    """The overrides, and whole numbers as such where the field is one."""
    return {
        name: float_as_int(value) if "integer" in RANGES.get(name, {}).get("type", ()) else value
        for name, value in overrides.items()
    }


class JobRequest(StrictBody):
    """What to do. Each kind has its own fields, and refuses those of the others.

    `train` takes dataset, model, preset, images or epochs, batch_size, seed, resume_from, stability
    and overrides. `preset`: small-data unless another is named. `resume_from`: a checkpoint's id,
    or a model's name for the checkpoint that it serves; the training goes on from there, with its
    preset unless another is named. `stability`: auto, to have what goes wrong answered.

    `evaluate` takes dataset, model, checkpoint and images: the model's served checkpoint is scored,
    or the one named, by so many pictures of it, as many as the dataset has unless it is said.

    `synthesize` takes model, checkpoint, images, seed, class, layout, format, shard_images and
    reject_copies. It writes 10 to 10,000,000 `images`, of `seed` (0) and the seeds that follow, as
    files: GET /v1/jobs/{id}/files. `class` is a conditional model's; without it each seed draws its
    own. `layout` is zip unless another is named, `format` png, `shard_images` 10,000.
    `reject_copies`: seeds that make copies of training pictures are left out, and as many more
    follow.
    """

    model_config = ConfigDict(json_schema_extra=REQUIRED)

    kind: Literal["train", "evaluate", "synthesize"] = "train"
    dataset: Name | None = None
    model: Name | None = None
    checkpoint: CheckpointId | None = None
    preset: Annotated[str, Field(json_schema_extra={"enum": [*PRESETS]})] | None = None
    images: Annotated[int, _described("images"), FLOAT_AS_INT] | None = None
    epochs: Annotated[int, Field(strict=True, ge=1, le=1_000_000), FLOAT_AS_INT] | None = None
    batch_size: Annotated[int, _described("batch_size"), FLOAT_AS_INT] | None = None
    seed: Annotated[int, _described("seed"), FLOAT_AS_INT] | None = None
    resume_from: CheckpointId | None = None
    stability: Literal["off", "auto"] | None = None
    overrides: Annotated[
        dict[FieldName, Any], BeforeValidator(limit_fields), AfterValidator(_whole_numbers)
    ] = Field({}, json_schema_extra=OVERRIDES)
    class_name: Annotated[str | None, Field(alias="class")] = None
    layout: Literal["zip", "imagefolder", "webdataset", "parquet"] | None = None
    format: Literal["png", "webp", "jpg"] | None = None
    shard_images: Annotated[int, Field(strict=True, ge=1), FLOAT_AS_INT] | None = None
    reject_copies: Annotated[bool | None, Field(strict=True)] = None

    def own_fields(self) -> dict[str, Any]:
        """The fields of this kind. Raises InvalidRequest for another kind's, or a missing one."""
        own = FIELDS[self.kind]
        for name in sorted(self.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)):
            if name != "kind" and name not in own:
                raise InvalidRequest(
                    f"{name} is nothing that a job of kind {self.kind} has: leave it out, "
                    f"or ask for kind {_kinds_with(name)}",
                    field=name,
                )
        if self.dataset is None and "dataset" in own:
            raise InvalidRequest(f"a job of kind {self.kind} needs dataset", field="dataset")
        if self.model is None and self.checkpoint is None:
            wanted = "model" if self.kind == "train" else "model or checkpoint"
            raise InvalidRequest(f"a job of kind {self.kind} needs {wanted}", field="model")
        given = self.model_dump(by_alias=True)
        return {name: given[name] for name in own}


def _kinds_with(field: str) -> str:
    return " or ".join(kind for kind, fields in FIELDS.items() if field in fields)
