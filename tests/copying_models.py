"""A dataset packed with its embeddings, and a generator that shows pictures it was given."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sqlalchemy import update
from torch import Tensor, nn

from app.domain.database import Database
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.registry import TrainingPictures
from app.domain.tables import Checkpoint, Dataset, Job
from app.serving.checkpoints import CachedGenerator
from app.serving.engine import Engine
from app.serving.generation_child import Models, answer
from app.serving.generation_messages import Asked, File, Made, Stored
from models import rendering
from models.checkpoint import LoadedGenerator
from models.config import TrainingConfig
from models.rendering import Renderer
from models.samples import Sample
from models.scoring.embedding import Embedder
from models.scoring.nearest import write_index


def embed(pictures: np.ndarray) -> np.ndarray:
    """(N, H, W, C) uint8 -> (N, F) float16, as an ingest stores them."""
    return Embedder()(pictures).astype(np.float16)


def pack_features(folder: Path, features: np.ndarray, **description: Any) -> None:
    """What a passport needs of a packed dataset: its embeddings, their index, who made them."""
    folder.mkdir(parents=True)
    np.save(folder / "features.npy", features)
    write_index(folder, features)
    described = {"images": len(features), "embedding": Embedder().name} | description
    (folder / "dataset.json").write_text(json.dumps(described))


def add_training(
    database: Database, checkpoint: ServedCheckpoint, pictures: TrainingPictures
) -> None:
    """Register that the checkpoint was trained on the pictures, which are ready."""
    with database.write() as session:
        session.add(
            Dataset(
                id=pictures.id,
                name=pictures.dataset,
                status="ready",
                job="ingest",
                request={},
                key=pictures.key,
                images=1,
                shape=list(checkpoint.shape),
                created_at=1.0,
            )
        )
        session.add(
            Job(
                id="training",
                kind="train",
                queue="train",
                status="succeeded",
                model=checkpoint.model,
                dataset=pictures.dataset,
                config={},
                progress={},
                created_at=2.0,
            )
        )
        session.execute(
            update(Checkpoint).where(Checkpoint.id == checkpoint.id).values(job="training")
        )


class Copier(nn.Module):
    """Shows `pictures` (N, H, W, C) uint8; which one depends on the latent alone."""

    def __init__(self, pictures: np.ndarray) -> None:
        super().__init__()
        self.pictures = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1

    def forward(self, latents: Tensor, _labels: Tensor | None = None) -> Tensor:
        return self.pictures[self.choose(latents)]

    def choose(self, latents: Tensor) -> Tensor:
        """(B, latent_dim) -> (B,) places."""
        return (latents[:, 0].abs() * 1e6).long() % len(self.pictures)


def serve(engine: Engine, checkpoint: ServedCheckpoint, generator: nn.Module) -> None:
    """Let the engine serve this generator as the checkpoint's."""
    config = TrainingConfig(shape=checkpoint.shape, latent_dim=checkpoint.latent_dim)
    loaded = LoadedGenerator(generator.eval(), config, 0)  # type: ignore[arg-type]
    rendering._graphs.clear()  # which are those of real generators, made of the same
    renderer: Any = Here(Renderer(loaded))
    rendering._graphs.clear()
    engine.generators._add(CachedGenerator(checkpoint, renderer, seconds=0.0))


class Here:
    """A generator in this very process, for one of the process that generates."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer, self.bytes = renderer, renderer.bytes

    def render(
        self, samples: Sequence[Sample], files: Sequence[File | None], _lane: int
    ) -> Sequence[Made]:
        asked = Asked((), Stored(0, "", ""), samples, files)
        return answer(Always(self._renderer), asked).made


class Always(Models):
    """Has one generator, under every number."""

    def __init__(self, renderer: Renderer) -> None:
        super().__init__()
        self._renderer = renderer

    def find(self, _stored: Stored) -> Renderer:
        return self._renderer
