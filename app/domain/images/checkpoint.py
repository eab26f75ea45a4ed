"""The checkpoint that images are generated from, and its classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from app.domain.errors import InvalidRequest
from app.domain.tables import Checkpoint, onnx_key
from models.config import TrainingConfig

CLASSES_LISTED = 20


@dataclass(frozen=True)
class GeneratorCheckpoint:
    """What generation and recipes need to know of a stored checkpoint. Immutable for one id."""

    id: str
    model: str
    key: str
    sha256: str
    images_seen: int
    shape: tuple[int, int, int]  # height, width, channels
    latent_dim: int
    classes: tuple[str, ...] = ()  # empty where the model is unconditional
    onnx_sha256: str | None = None  # None until a checkpoint of an older version is exported

    @property
    def onnx_key(self) -> str:
        return onnx_key(self.key)

    @classmethod
    def of(cls, row: Checkpoint) -> Self:
        config = TrainingConfig.from_json(row.config)
        return cls(
            id=row.id,
            model=row.model,
            key=row.key,
            sha256=row.sha256,
            images_seen=row.images_seen,
            shape=config.shape,
            latent_dim=config.latent_dim,
            classes=config.classes,
            onnx_sha256=row.onnx_sha256,
        )


def find_label(checkpoint: GeneratorCheckpoint, name: str) -> int:
    """Return the index of a class by its name. Raises InvalidRequest for an unknown name."""
    if not checkpoint.classes:
        raise InvalidRequest(
            f"model {checkpoint.model!r} is not conditional, so it has no class "
            f"{name[:100]!r}: leave class out",
            field="class",
        )
    if name not in checkpoint.classes:
        raise InvalidRequest(
            f"model {checkpoint.model!r} has no class {name[:100]!r}: it has "
            f"{list_classes(checkpoint.classes)}",
            field="class",
        )
    return checkpoint.classes.index(name)


def list_classes(names: Sequence[str], most: int = CLASSES_LISTED) -> str:
    """Return the first `most` class names, and how many more there are."""
    shown, more = ", ".join(names[:most]), len(names) - most
    return f"{shown} and {more:,} more" if more > 0 else shown
