"""Projecting a generated picture finds it again, for every architecture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.harness.random_models import checkpoint_bytes
from models.checkpoint import load_generator
from models.config import TrainingConfig
from models.precision import Machine, choose_machine
from models.projection.calibration import embedding_distances, reconstruct, unrelated_distance
from models.projection.encoder import Pairs, train_encoder
from models.projection.perception import Perception
from models.projection.refinement import SHELL_HALF_WIDTH, Refinement, onto_shell
from models.random_streams import random_stream
from models.rendering import to_uint8
from models.scoring.embedding import Embedder

LATENT_DIM = 8
CLASSES = {"classes": ("tabby", "tux"), "conditional": True}
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"architecture": "mlp", "shape": (28, 28, 1), "width": 32},
    "dcgan": {"shape": (28, 28, 3), "width": 8},
    "transparent": {"shape": (28, 40, 4), "width": 8},
    "r3gan": {"architecture": "r3gan", "shape": (28, 28, 3), "width": 8, "max_width": 32},
    "classes": {"architecture": "mlp", "shape": (28, 28, 3), "width": 32, **CLASSES},
}


@pytest.fixture(scope="module")
def machine() -> Machine:
    return choose_machine()


@pytest.fixture(scope="module")
def perception(machine: Machine) -> Perception:
    return Perception(machine.device)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


def open_refinement(
    name: str, folder: Path, machine: Machine, perception: Perception, steps: int
) -> Refinement:
    config = TrainingConfig(latent_dim=LATENT_DIM, **NETWORKS[name])
    path = folder / "checkpoint.safetensors"
    path.write_bytes(checkpoint_bytes(config, 1))
    generator = load_generator(path).generator
    encoder = train_encoder(generator, machine, lambda _: None, images=256)
    return Refinement(generator, encoder, perception, machine, steps)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_generated_picture_is_found_again(
    name: str, tmp_path: Path, machine: Machine, perception: Perception, embedder: Embedder
) -> None:
    refinement = open_refinement(name, tmp_path, machine, perception, steps=60)
    pairs = Pairs(refinement.generator, machine, random_stream(1, "test"))
    _, images, labels = pairs.draw(1)
    done: list[int] = []
    latents, chosen = refinement.find(images, None, done.append)
    assert done == list(range(1, 61))
    found = reconstruct(refinement, latents, chosen)
    (distance,) = embedding_distances(embedder, found, to_uint8(images).numpy())
    assert distance < unrelated_distance(refinement, embedder)
    if labels is not None:
        assert chosen is not None
        assert chosen.shape == labels.shape


@pytest.mark.slow
def test_the_requested_class_is_kept(
    tmp_path: Path, machine: Machine, perception: Perception
) -> None:
    refinement = open_refinement("classes", tmp_path, machine, perception, steps=3)
    pairs = Pairs(refinement.generator, machine, random_stream(1, "test"))
    _, images, _ = pairs.draw(2)
    latents, chosen = refinement.find(images, torch.tensor([1, 0]))
    assert chosen is not None
    assert (tuple(latents.shape), chosen.tolist()) == ((2, LATENT_DIM), [1, 0])


def test_latents_stay_near_the_shell() -> None:
    middle = np.sqrt(100 - 0.5)
    latents = torch.randn(3, 100) * torch.tensor([[0.1], [1.0], [5.0]])
    moved = onto_shell(latents)
    lengths = moved.norm(dim=1)
    assert lengths[0] == pytest.approx(middle - SHELL_HALF_WIDTH, abs=1e-4)
    assert lengths[2] == pytest.approx(middle + SHELL_HALF_WIDTH, abs=1e-4)
    assert torch.cosine_similarity(moved, latents).min() > 0.9999
    drawn = torch.randn(1000, 100, generator=torch.Generator().manual_seed(0))
    kept = torch.isclose(onto_shell(drawn), drawn).all(1).float().mean()
    assert 0.96 < kept < 1
