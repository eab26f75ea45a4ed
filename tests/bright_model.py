"""A generator whose first latent value sets the brightness; the others change the pattern."""

import functools
import hashlib

import torch
from torch import nn

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
            layer.bias[:2] = norm.bias[:2] = norm.running_mean[:2] = 0
            norm.weight[:2] = norm.running_var[:2] = 1
        hidden[0].weight[:2, :2] = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
        hidden[0].weight[2:] *= 0.3
        last.weight[:, 0], last.weight[:, 1] = 0.5, -0.5
    sha256 = hashlib.sha256(b"bright").hexdigest()
    return export_generator(generator.eval(), CONFIG, 1, sha256)
