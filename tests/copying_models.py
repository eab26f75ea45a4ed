"""A packed dataset with embeddings, and a generator that returns pictures from it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sqlalchemy import update
from torch import Tensor, nn

from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.registry import TrainingPictures
from app.domain.tables import Checkpoint, Dataset, Job
from app.serving.checkpoints import CachedGenerator
from app.serving.engine import Engine
from app.serving.generation_child import Renderers, run_command
from app.serving.generation_messages import CheckpointFile, Command, FileEncoding, RenderResult
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
    """The files of a packed dataset that passports need."""
    folder.mkdir(parents=True)
    np.save(folder / "features.npy", features)
    write_index(folder, features)
    content = {"images": len(features), "embedding": Embedder().name} | description
    (folder / "dataset.json").write_text(json.dumps(content))


def add_training(
    database: Database, checkpoint: GeneratorCheckpoint, pictures: TrainingPictures
) -> None:
    """Register a ready dataset, and a training job on it that made the checkpoint."""
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
    """Returns one of `pictures` (N, H, W, C) uint8, chosen by the latent."""

    def __init__(self, pictures: np.ndarray) -> None:
        super().__init__()
        self.pictures = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1

    def forward(self, latents: Tensor, _labels: Tensor | None = None) -> Tensor:
        return self.pictures[self.choose(latents)]

    def choose(self, latents: Tensor) -> Tensor:
        """(B, latent_dim) -> (B,) indices."""
        return (latents[:, 0].abs() * 1e6).long() % len(self.pictures)


def serve(engine: Engine, checkpoint: GeneratorCheckpoint, generator: nn.Module) -> None:
    """Let the engine serve this generator for the checkpoint."""
    config = TrainingConfig(shape=checkpoint.shape, latent_dim=checkpoint.latent_dim)
    loaded = LoadedGenerator(generator.eval(), config, 0)  # type: ignore[arg-type]
    rendering._graphs.clear()  # cached graphs of a real generator with the same configuration
    renderer: Any = LocalRenderer(Renderer(loaded))
    rendering._graphs.clear()
    engine.generators._add(CachedGenerator(checkpoint, renderer, seconds=0.0))


class LocalRenderer:
    """A RemoteRenderer whose generator is in this process."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer, self.bytes = renderer, renderer.bytes

    def render(
        self, samples: Sequence[Sample], files: Sequence[FileEncoding | None], _lane: int
    ) -> Sequence[RenderResult]:
        command = Command((), CheckpointFile(0, "", ""), samples, files)
        return run_command(OneRenderer(self._renderer), command).results


class OneRenderer(Renderers):
    """Returns the same renderer for every number."""

    def __init__(self, renderer: Renderer) -> None:
        super().__init__()
        self._renderer = renderer

    def find(self, _checkpoint_file: CheckpointFile) -> Renderer:
        return self._renderer
