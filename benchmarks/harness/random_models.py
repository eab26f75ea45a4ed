"""Checkpoints with random weights, stored and registered as a training does it; tests use them."""

import functools
import hashlib
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from app.domain import registry
from app.domain.database import Database, now
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.jobs import new_id
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint
from models.checkpoint import load_generator, save_checkpoint
from models.config import TrainingConfig
from models.networks.build import build_discriminator, build_generator, initialise
from models.onnx_writer import export_generator
from models.training.ema import NORMS


@functools.cache
def checkpoint_bytes(config: TrainingConfig, weights: int) -> bytes:
    """A checkpoint file whose images differ between latents; `weights` is the seed."""
    generator, discriminator = build_generator(config), build_discriminator(config)
    random = torch.Generator().manual_seed(weights)
    initialise(generator, random)
    initialise(discriminator, random)
    with torch.no_grad():
        for parameter in generator.parameters():
            if not parameter.any():  # a trained network has no layer of zeros
                parameter.normal_(0, 0.02, generator=random)
        if generator.embedding is not None:  # a trained network has distinct classes
            generator.embedding.weight.normal_(generator=random)
        norms = [layer for layer in generator.modules() if isinstance(layer, NORMS)]
        # Without BatchNorm's statistics every image would be grey.
        for _ in range(30 if norms else 1):
            latents = torch.randn(16, config.latent_dim, generator=random)
            images = generator(latents, _labels(config, 16, random))
        assert isinstance(generator.layers, nn.Sequential)
        weight = generator.layers[-1].weight
        assert isinstance(weight, torch.Tensor)
        weight.div_(images.std())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.safetensors"
        save_checkpoint(path, generator, discriminator, config, images_seen=1000 * weights)
        return path.read_bytes()


@functools.cache
def onnx_bytes(config: TrainingConfig, weights: int) -> bytes:
    """The ONNX file of the same checkpoint."""
    data = checkpoint_bytes(config, weights)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.safetensors"
        path.write_bytes(data)
        loaded = load_generator(path)
    sha256 = hashlib.sha256(data).hexdigest()
    return export_generator(loaded.generator, config, loaded.images_seen, sha256)


def _labels(config: TrainingConfig, count: int, random: torch.Generator) -> torch.Tensor | None:
    if not config.classes:
        return None
    return torch.randint(len(config.classes), (count,), generator=random)


def store_checkpoint(
    store: ObjectStore, model: str = "cats", weights: int = 1, **config: Any
) -> GeneratorCheckpoint:
    """Store both files of a checkpoint; `config` overrides width 8, 64×64 RGB and a latent of 100
    values."""
    settings = TrainingConfig(**({"width": 8} | config))
    data, exported = checkpoint_bytes(settings, weights), onnx_bytes(settings, weights)
    checkpoint = GeneratorCheckpoint(
        id=new_id(),
        model=model,
        key=f"checkpoints/{new_id()}.safetensors",
        sha256=hashlib.sha256(data).hexdigest(),
        images_seen=1000 * weights,
        shape=settings.shape,
        latent_dim=settings.latent_dim,
        classes=settings.classes,
        onnx_sha256=hashlib.sha256(exported).hexdigest(),
    )
    store.put_bytes(checkpoint.key, data)
    store.put_bytes(checkpoint.onnx_key, exported)
    return checkpoint


def register(database: Database, checkpoint: GeneratorCheckpoint) -> GeneratorCheckpoint:
    """Register the stored checkpoint as the newest of its model."""
    config = TrainingConfig(
        shape=checkpoint.shape,
        latent_dim=checkpoint.latent_dim,
        classes=checkpoint.classes,
        conditional=bool(checkpoint.classes),
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
                onnx_sha256=checkpoint.onnx_sha256,
                onnx_bytes=None if checkpoint.onnx_sha256 is None else 1,
                created_at=now(),
            )
        )
    return checkpoint
