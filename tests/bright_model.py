"""A generator whose first latent value sets the brightness; the others change the pattern."""

import functools
import hashlib

import torch
from torch import nn

from app.domain import registry
from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.jobs import new_id
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint
from models.config import TrainingConfig
from models.networks.build import build_generator, initialise
from models.networks.mlp import MLPGenerator
from models.onnx_writer import export_generator

CONFIG = TrainingConfig(architecture="mlp", shape=(28, 28, 3), latent_dim=8, width=8)


@functools.cache
def bright_onnx() -> bytes:
    """The ONNX file of the generator."""
    generator = build_generator(CONFIG)
    assert isinstance(generator, MLPGenerator)
    random = torch.Generator().manual_seed(1)
    initialise(generator, random)
    with torch.no_grad():
        for _ in range(10):  # the statistics of BatchNorm
            generator(torch.randn(64, CONFIG.latent_dim, generator=random))
        *hidden, last = [layer for layer in generator.layers if isinstance(layer, nn.Linear)]
        norms = [layer for layer in generator.layers if isinstance(layer, nn.BatchNorm1d)]
        for layer, norm in zip(hidden, norms, strict=True):
            # Two units carry the positive and the negative part of the value through the ReLUs.
            layer.weight[:2] = 0
            layer.weight[:2, :2] = torch.eye(2)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            layer.bias[:2] = norm.bias[:2] = norm.running_mean[:2] = 0
            norm.weight[:2] = norm.running_var[:2] = 1
        hidden[0].weight[:2, :2] = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
        hidden[0].weight[2:] *= 0.3
        last.weight[:, 0], last.weight[:, 1] = 0.5, -0.5
    sha256 = hashlib.sha256(b"bright").hexdigest()
    return export_generator(generator.eval(), CONFIG, 1, sha256)


def register_bright(database: Database, store: ObjectStore, model: str) -> GeneratorCheckpoint:
    """Store and register the generator as the only checkpoint of a new model."""
    data = bright_onnx()
    checkpoint = GeneratorCheckpoint(
        id=new_id(),
        model=model,
        key=f"checkpoints/{new_id()}.safetensors",
        sha256=hashlib.sha256(b"bright").hexdigest(),
        images_seen=1,
        shape=CONFIG.shape,
        latent_dim=CONFIG.latent_dim,
        onnx_sha256=hashlib.sha256(data).hexdigest(),
    )
    store.put_bytes(checkpoint.key, b"bright")
    store.put_bytes(checkpoint.onnx_key, data)
    with database.write() as session:
        registry.ensure_model(session, model)
        session.add(
            Checkpoint(
                id=checkpoint.id,
                model=model,
                images_seen=1,
                config=CONFIG.to_json(),
                key=checkpoint.key,
                sha256=checkpoint.sha256,
                bytes=len(b"bright"),
                onnx_sha256=checkpoint.onnx_sha256,
                onnx_bytes=len(data),
            )
        )
    return checkpoint
