"""A packed dataset with embeddings, and a generator that returns pictures from it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import update

from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.tables import Checkpoint, Dataset, Job
from app.domain.training_pictures import TrainingPictures
from app.serving.checkpoints import CachedGenerator
from app.serving.engine import Engine
from models.onnx_generator import latents_of
from models.samples import Pixels, Sample
from models.scoring.embedding import Embedder
from models.scoring.nearest import write_index
from models.seeds import Latents

LATENT_DIM = 100  # of the checkpoints that copiers stand for


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


class Copier:
    """A generator that returns one of `pictures` (N, H, W, C) uint8, chosen by the latent."""

    def __init__(self, pictures: np.ndarray) -> None:
        self.pictures, self.bytes = pictures, pictures.nbytes

    def render(self, samples: Sequence[Sample]) -> Pixels:
        chosen: Pixels = self.pictures[self.choose(latents_of(samples, LATENT_DIM))]
        return chosen

    def choose(self, latents: Latents) -> np.ndarray:
        """(B, latent_dim) -> (B,) indices."""
        return (np.abs(latents[:, 0]) * 1e6).astype(np.int64) % len(self.pictures)


def serve(engine: Engine, checkpoint: GeneratorCheckpoint, generator: Copier) -> None:
    """Let the engine serve this generator for the checkpoint."""
    copier: Any = generator
    engine.generators._add(CachedGenerator(checkpoint, copier, seconds=0.0))
