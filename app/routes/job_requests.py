"""The body of POST /v1/jobs: one model for all kinds of jobs, each with its own fields."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, JsonValue

from app.domain.errors import InvalidRequest
from app.routes.fields import CheckpointId, Name
from app.serving.latents import Truncation
from app.serving.rejection import MinQuality
from app.serving.request_bodies import FLOAT_AS_INT, StrictBody, float_as_int, limit_fields
from models.config import field_ranges
from models.presets import PRESETS

FIELDS = {
    "train": ("dataset", "model", "preset", "images", "epochs", "batch_size", "seed",
              "resume_from", "stability", "overrides"),
    "evaluate": ("dataset", "model", "checkpoint", "images"),
    "synthesize": ("model", "checkpoint", "images", "seed", "class", "truncation", "layout",
                   "format", "shard_images", "reject_copies", "min_quality", "into"),
}  # fmt: skip
# The fields that each kind requires, for the OpenAPI document.
REQUIRED: dict[str, JsonValue] = {
    "if": {"properties": {"kind": {"const": "synthesize"}}, "required": ["kind"]},
    "then": {"required": ["images"], "properties": {"images": {"type": "integer"}}},
    "else": {"required": ["dataset"], "properties": {"dataset": {"type": "string"}}},
}

RANGES = {
    name: {keyword: value for keyword, value in schema.items() if keyword != "default"}
    for name, schema in field_ranges().items()
}
# For the OpenAPI document: the training configuration itself checks the values.
OVERRIDES: dict[str, Any] = {"properties": RANGES, "additionalProperties": False}
FieldName = Annotated[str, Field(max_length=64)]


def _with_range(name: str) -> Any:
    return Field(strict=True, json_schema_extra=RANGES[name])


def _whole_numbers(overrides: dict[str, Any]) -> dict[str, Any]:
    """Turn whole floats such as 64.0 into integers where the field is an integer."""
    return {
        name: float_as_int(value) if "integer" in RANGES.get(name, {}).get("type", ()) else value
        for name, value in overrides.items()
    }


class JobRequest(StrictBody):
    """The job to queue. Each kind takes its own fields, and refuses those of the others.

    `train` takes dataset, model, preset, images or epochs, batch_size, seed, resume_from, stability
    and overrides. `preset` is small-data by default. `resume_from` is the id of a checkpoint, or
    the name of a model, which stands for its served checkpoint: the training continues from it, by
    default with its preset. With `stability` auto, the trainer reacts to instability by itself.

    `evaluate` takes dataset, model, checkpoint and images. It scores the given checkpoint, or else
    the model's served one, on `images` generated images, by default as many as the dataset has.

    `synthesize` takes model, checkpoint, images, seed, class, truncation, layout, format,
    shard_images, reject_copies, min_quality and into. It writes 10 to 10,000,000 `images`, of the
    seeds from `seed` (default 0) on, to files: GET /v1/jobs/{id}/files. `class` belongs to
    conditional models; without it each seed draws its own. `truncation` (default 1) is the factor
    by which latents are scaled. By default `layout` is zip, `format` png and `shard_images` 10,000.
    `reject_copies` skips seeds whose images are copies of training pictures, and `min_quality`
    those whose images are of a lower quality; the job continues with further seeds until there are
    `images`. `into` names a new dataset that is then packed from the files, with the classes of a
    conditional model in the layout imagefolder, its default here.
    """

    model_config = ConfigDict(json_schema_extra=REQUIRED)

    kind: Literal["train", "evaluate", "synthesize"] = "train"
    dataset: Name | None = None
    model: Name | None = None
    checkpoint: CheckpointId | None = None
    preset: Annotated[str, Field(json_schema_extra={"enum": [*PRESETS]})] | None = None
    images: Annotated[int, _with_range("images"), FLOAT_AS_INT] | None = None
    epochs: Annotated[int, Field(strict=True, ge=1, le=1_000_000), FLOAT_AS_INT] | None = None
    batch_size: Annotated[int, _with_range("batch_size"), FLOAT_AS_INT] | None = None
    seed: Annotated[int, _with_range("seed"), FLOAT_AS_INT] | None = None
    resume_from: CheckpointId | None = None
    stability: Literal["off", "auto"] | None = None
    overrides: Annotated[
        dict[FieldName, Any], BeforeValidator(limit_fields), AfterValidator(_whole_numbers)
    ] = Field({}, json_schema_extra=OVERRIDES)
    class_name: Annotated[str | None, Field(alias="class")] = None
    truncation: Truncation | None = None
    layout: Literal["zip", "imagefolder", "webdataset", "parquet"] | None = None
    format: Literal["png", "webp", "jpg"] | None = None
    shard_images: Annotated[int, Field(strict=True, ge=1), FLOAT_AS_INT] | None = None
    reject_copies: Annotated[bool | None, Field(strict=True)] = None
    min_quality: MinQuality | None = None
    into: Name | None = None

    def own_fields(self) -> dict[str, Any]:
        """Return the fields of this kind, or raise InvalidRequest for a wrong or a missing one."""
        own = FIELDS[self.kind]
        for name in sorted(self.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)):
            if name != "kind" and name not in own:
                raise InvalidRequest(
                    f"a job of kind {self.kind} has no field {name}: leave it out, "
                    f"or use kind {_kinds_with(name)}",
                    field=name,
                )
        if self.dataset is None and "dataset" in own:
            raise InvalidRequest(f"a job of kind {self.kind} needs dataset", field="dataset")
        if self.model is None and self.checkpoint is None:
            required = "model" if self.kind == "train" else "model or checkpoint"
            raise InvalidRequest(f"a job of kind {self.kind} needs {required}", field="model")
        values = self.model_dump(by_alias=True)
        return {name: values[name] for name in own}


def _kinds_with(field: str) -> str:
    return " or ".join(kind for kind, fields in FIELDS.items() if field in fields)
