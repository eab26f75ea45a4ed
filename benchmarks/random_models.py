"""Checkpoints of random weights, stored and registered as a training does it: for tests too."""

import functools
import hashlib
import tempfile
from pathlib import Path
from typing import Any

import torch

from app.domain import registry
from app.domain.database import Database, now
from app.domain.jobs import new_id
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint
from app.serving.catalogue import ServedCheckpoint
from models.checkpoint import save_checkpoint
from models.config import TrainingConfig
from models.networks.build import build_discriminator, build_generator, initialise


@functools.cache
def checkpoint_bytes(config: TrainingConfig, weights: int) -> bytes:
    """A checkpoint file whose pictures differ from latent to latent; `weights` seeds it."""
    generator, discriminator = build_generator(config), build_discriminator(config)
    random = torch.Generator().manual_seed(weights)
    initialise(generator, random)
    initialise(discriminator, random)
    with torch.no_grad():
        for _ in range(30):  # BatchNorm learns what these weights give: else all is one grey
            images = generator(torch.randn(16, config.latent_dim, generator=random))
        generator.layers[-1].weight.div_(images.std())  # type: ignore[operator]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.safetensors"
        save_checkpoint(path, generator, discriminator, config, images_seen=1000 * weights)
        return path.read_bytes()


def store_checkpoint(
    store: ObjectStore, model: str = "cats", weights: int = 1, **config: Any
) -> ServedCheckpoint:
    """Width 8 unless `config` says otherwise; 64×64 RGB, 100 values to a latent."""
    settings = TrainingConfig(**({"width": 8} | config))
    data = checkpoint_bytes(settings, weights)
    checkpoint = ServedCheckpoint(
        id=new_id(),
        model=model,
        key=f"checkpoints/{new_id()}.safetensors",
        sha256=hashlib.sha256(data).hexdigest(),
        images_seen=1000 * weights,
        resolution=settings.height,
        channels=settings.channels,
        latent_dim=settings.latent_dim,
    )
    store.put_bytes(checkpoint.key, data)
    return checkpoint


def register(database: Database, checkpoint: ServedCheckpoint) -> ServedCheckpoint:
    """Make the stored checkpoint its model's newest."""
    config = TrainingConfig(
        shape=(checkpoint.resolution, checkpoint.resolution, checkpoint.channels),
        latent_dim=checkpoint.latent_dim,
    )
    with database.write() as session:
        registry.ensure_model(session, checkpoint.model)
        session.add(
            Checkpoint(
                id=checkpoint.id,
                model=checkpoint.model,
                images_seen=checkpoint.images_seen,
                config=config.to_json(),
                key=checkpoint.key,
                sha256=checkpoint.sha256,
                bytes=1,
                created_at=now(),
            )
        )
    return checkpoint
