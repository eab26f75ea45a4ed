"""What a client asks a job for: one shape for all kinds, each with its own fields."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.domain.errors import InvalidRequest
from app.routes.names import Name

FIELDS = {
    "train": ("model", "preset", "images", "epochs", "batch_size", "seed", "resume_from",
              "stability", "overrides"),
    "evaluate": ("model", "checkpoint", "images"),
}  # fmt: skip


class JobRequest(BaseModel):
    """What to do with which dataset.

    `train` takes model, preset, images or epochs, batch_size, seed, resume_from, stability and
    overrides. `preset`: small-data unless another is named. `resume_from`: a checkpoint's id, or
    a model's name for the checkpoint that it serves; the training goes on from there, with its
    preset unless another is named. `stability`: auto, to have what goes wrong answered.

    `evaluate` takes model, checkpoint and images: the model's served checkpoint is scored, or the
    one named, by so many pictures of it, as many as the dataset has unless it is said.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["train", "evaluate"] = "train"
    dataset: Name
    model: Name | None = None
    checkpoint: str | None = Field(None, max_length=64)
    preset: str | None = None
    images: int | None = None
    epochs: int | None = Field(None, ge=1, le=1_000_000)
    batch_size: int | None = None
    seed: int | None = None
    resume_from: str | None = Field(None, max_length=64)
    stability: Literal["off", "auto"] | None = None
    overrides: dict[str, Any] = {}

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
