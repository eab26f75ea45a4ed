"""A look at the networks finds what is wrong with them, and leaves no trace."""

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
from models.training.state import whole


@pytest.fixture
def held_out_run(cats: Path, config: TrainingConfig, machine: Machine) -> TrainingRun:
    return TrainingRun(replace(config, held_out_share=0.1), PackedDataset(cats), machine)


def _tensors(run: TrainingRun) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in whole(run).items()}


@pytest.mark.parametrize("normalisation", ["batch", "spectral", "none"])
def test_looking_changes_nothing(
    cats: Path, config: TrainingConfig, precise_machine: Machine, normalisation: str
) -> None:
    config = replace(config, held_out_share=0.1, discriminator_normalisation=normalisation)
    run = TrainingRun(config, PackedDataset(cats), precise_machine)
    step(run)
    before, global_random = _tensors(run), torch.get_rng_state()
    found = Probe(run).look(run)
    assert set(found) <= {"mode_collapse", "overfitting"}
    after = _tensors(run)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(global_random, torch.get_rng_state())


def test_the_same_run_looks_the_same(held_out_run: TrainingRun) -> None:
    for _ in range(3):
        step(held_out_run)
    assert Probe(held_out_run).look(held_out_run) == Probe(held_out_run).look(held_out_run)


def test_a_generator_that_makes_one_picture_has_collapsed(new_run: TrainingRun) -> None:
    before = Probe(new_run).look(new_run)["mode_collapse"]
    with torch.no_grad():
        for parameter in new_run.players.generator.parameters():
            parameter.zero_()
    assert before > Probe(new_run).look(new_run)["mode_collapse"] == 0


def test_a_discriminator_that_knows_its_pictures_by_heart_overfits(
    cats: Path, config: TrainingConfig, machine: Machine, tmp_path: Path
) -> None:
    # A dataset whose held-out pictures look like noise: what was never seen is not thought real.
    run = TrainingRun(replace(config, held_out_share=0.1), PackedDataset(cats), machine)
    pictures = np.load(cats / "images.npy")
    random = np.random.default_rng(0)
    pictures[run.held_out.numpy()] = random.integers(0, 256, (30, 64, 64, 3), np.uint8)
    np.save(tmp_path / "images.npy", pictures)
    other = TrainingRun(run.config, PackedDataset(tmp_path), machine)
    for _ in range(40):
        step(run)
        step(other)
    assert Probe(other).look(other)["overfitting"] > Probe(run).look(run)["overfitting"] + 0.2


def test_without_held_out_pictures_nothing_is_said_of_overfitting(new_run: TrainingRun) -> None:
    step(new_run)
    assert "overfitting" not in Probe(new_run).look(new_run)


def test_pictures_are_compared_with_their_nearest(cats: Path) -> None:
    pictures = torch.from_numpy(np.load(cats / "images.npy")[:64])
    distance = nearest_distance(normalise(pictures))
    copies = torch.cat([pictures[:32], pictures[:32]])
    assert nearest_distance(normalise(copies)) < 0.01 < distance
