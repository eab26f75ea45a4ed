"""What pictures are made with: a stored checkpoint, as generation and recipes need to know it."""

from dataclasses import dataclass
from typing import Self

from app.domain.tables import Checkpoint
from models.config import TrainingConfig


@dataclass(frozen=True)
class ServedCheckpoint:
    """Never changes under one id."""

    id: str
    model: str
    key: str
    sha256: str
    images_seen: int
    shape: tuple[int, int, int]  # height, width, channels
    latent_dim: int
    classes: tuple[str, ...] = ()  # none where the model is unconditional

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
        )
