"""What a client asks a job for: one shape for all kinds, each with its own fields."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from app.domain.errors import InvalidRequest
from app.routes.generation import CheckpointId
from app.routes.names import Name
from app.serving.bodies import WHOLE, StrictBody, whole
from models.config import field_ranges
from models.presets import PRESETS

FIELDS = {
    "train": ("model", "preset", "images", "epochs", "batch_size", "seed", "resume_from",
              "stability", "overrides"),
    "evaluate": ("model", "checkpoint", "images"),
}  # fmt: skip

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
        name: whole(value) if "integer" in RANGES.get(name, {}).get("type", ()) else value
        for name, value in overrides.items()
    }


class JobRequest(StrictBody):
    """What to do with which dataset.

    `train` takes model, preset, images or epochs, batch_size, seed, resume_from, stability and
    overrides. `preset`: small-data unless another is named. `resume_from`: a checkpoint's id, or
    a model's name for the checkpoint that it serves; the training goes on from there, with its
    preset unless another is named. `stability`: auto, to have what goes wrong answered.

    `evaluate` takes model, checkpoint and images: the model's served checkpoint is scored, or the
    one named, by so many pictures of it, as many as the dataset has unless it is said.
    """

    kind: Literal["train", "evaluate"] = "train"
    dataset: Name
    model: Name | None = None
    checkpoint: CheckpointId | None = None
    preset: Annotated[str, Field(json_schema_extra={"enum": [*PRESETS]})] | None = None
    images: Annotated[int, _described("images"), WHOLE] | None = None
    epochs: Annotated[int, Field(strict=True, ge=1, le=1_000_000), WHOLE] | None = None
    batch_size: Annotated[int, _described("batch_size"), WHOLE] | None = None
    seed: Annotated[int, _described("seed"), WHOLE] | None = None
    resume_from: CheckpointId | None = None
    stability: Literal["off", "auto"] | None = None
    overrides: Annotated[dict[FieldName, Any], AfterValidator(_whole_numbers)] = Field(
        {}, json_schema_extra=OVERRIDES
    )

    def own_fields(self) -> dict[str, Any]:
        """The dataset and the fields of this kind. Raises InvalidRequest for another kind's."""
        own = ("dataset", *FIELDS[self.kind])
        for name in sorted(self.model_fields_set):
            if name != "kind" and name not in own and getattr(self, name) is not None:
                raise InvalidRequest(
                    f"{name} is nothing that a job of kind {self.kind} has: leave it out, "
                    f"or ask for kind {_kind_with(name)}",
                    field=name,
                )
        if self.model is None and self.checkpoint is None:
            wanted = "model" if self.kind == "train" else "model or checkpoint"
            raise InvalidRequest(f"a job of kind {self.kind} needs {wanted}", field="model")
        return {name: getattr(self, name) for name in own}


def _kind_with(field: str) -> str:
    return next(kind for kind, fields in FIELDS.items() if field in fields)
