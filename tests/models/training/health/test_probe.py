"""A probe measures what is wrong with the networks, and does not change them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from training_runs import step

from models.config import TrainingConfig
from models.data import PackedDataset, normalise
from models.precision import Machine
from models.training.health.probe import Probe, nearest_distance
from models.training.run import TrainingRun
from models.training.state import state_tensors


@pytest.fixture
def held_out_run(cats: Path, config: TrainingConfig, machine: Machine) -> TrainingRun:
    return TrainingRun(replace(config, held_out_share=0.1), PackedDataset(cats), machine)


def _measure(run: TrainingRun) -> dict[str, float]:
    return Probe(run.snapshot()).measure(run.snapshot())


def _tensors(run: TrainingRun) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in state_tensors(run).items()}


@pytest.mark.parametrize("normalisation", ["batch", "spectral", "none"])
def test_measuring_changes_nothing(
    cats: Path, config: TrainingConfig, precise_machine: Machine, normalisation: str
) -> None:
    config = replace(config, held_out_share=0.1, discriminator_normalisation=normalisation)
    run = TrainingRun(config, PackedDataset(cats), precise_machine)
    step(run)
    before, global_random = _tensors(run), torch.get_rng_state()
    assert set(_measure(run)) <= {"mode_collapse", "overfitting"}
    after = _tensors(run)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(global_random, torch.get_rng_state())


def test_a_second_probe_measures_the_same(held_out_run: TrainingRun) -> None:
    for _ in range(3):
        step(held_out_run)
    assert _measure(held_out_run) == _measure(held_out_run)


def test_a_generator_that_makes_one_image_has_collapsed(new_run: TrainingRun) -> None:
    before = _measure(new_run)["mode_collapse"]
    with torch.no_grad():
        for parameter in new_run.gan.generator.parameters():
            parameter.zero_()
    assert before > _measure(new_run)["mode_collapse"] == 0


def test_a_discriminator_that_memorises_its_images_overfits(
    cats: Path, config: TrainingConfig, machine: Machine, tmp_path: Path
) -> None:
    # The held-out images of the other dataset are noise, which no discriminator takes for real.
    run = TrainingRun(replace(config, held_out_share=0.1), PackedDataset(cats), machine)
    images = np.load(cats / "images.npy")
    random = np.random.default_rng(0)
    images[run.held_out_indices.numpy()] = random.integers(0, 256, (30, 64, 64, 3), np.uint8)
    np.save(tmp_path / "images.npy", images)
    other = TrainingRun(run.config, PackedDataset(tmp_path), machine)
    for _ in range(40):
        step(run)
        step(other)
    assert _measure(other)["overfitting"] > _measure(run)["overfitting"] + 0.2


def test_overfitting_is_not_measured_without_held_out_images(new_run: TrainingRun) -> None:
    step(new_run)
    assert "overfitting" not in _measure(new_run)


def test_the_distance_is_that_to_the_nearest_image(cats: Path) -> None:
    images = torch.from_numpy(np.load(cats / "images.npy")[:64])
    distance = nearest_distance(normalise(images))
    copies = torch.cat([images[:32], images[:32]])
    assert nearest_distance(normalise(copies)) < 0.01 < distance
