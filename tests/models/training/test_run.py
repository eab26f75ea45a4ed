"""The configuration decides a run, and reading from it does not change it."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from training_runs import step

from models import data
from models.checkpoint import NotFiniteError
from models.config import TrainingConfig
from models.data import DatasetError, PackedDataset
from models.precision import Machine, choose_machine
from models.training.run import TrainingRun


def _weights(run: TrainingRun) -> list[Tensor]:
    networks = run.gan.generator, run.gan.discriminator, run.average.generator
    return [tensor for network in networks for tensor in network.state_dict().values()]


def _same(left: TrainingRun, right: TrainingRun) -> bool:
    pairs = zip(_weights(left), _weights(right), strict=True)
    return all(torch.equal(ours, theirs) for ours, theirs in pairs)


def test_a_step_reports_losses_and_counts_images(new_run: TrainingRun) -> None:
    losses = step(new_run)
    assert new_run.images_seen == 16
    assert 0.3 < losses.generator_loss < 3
    assert 0.5 < losses.discriminator_loss < 5
    assert losses.discriminator_real != losses.discriminator_fake
    assert 0 <= losses.discriminator_accuracy <= 1
    assert losses.penalty == 0


def test_the_same_configuration_gives_the_same_run(
    cats: Path, config: TrainingConfig, precise_machine: Machine
) -> None:
    runs = [
        TrainingRun(variant, PackedDataset(cats), precise_machine)
        for variant in (config, config, replace(config, seed=6))
    ]
    torch.manual_seed(1)  # a run does not use the global random state
    losses = [[step(run) for _ in range(4)] for run in runs]
    assert losses[0] == losses[1] != losses[2]
    assert _same(runs[0], runs[1])


@pytest.mark.parametrize("updates", ["shared", "alternating"])
def test_images_on_disk_and_in_memory_give_the_same_run(
    cats: Path, config: TrainingConfig, machine: Machine, updates: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    config = replace(config, updates=updates, loss="relativistic")
    in_memory = TrainingRun(config, PackedDataset(cats), machine)
    monkeypatch.setattr(data, "RESIDENT_BYTES", 1000)
    on_disk = TrainingRun(config, PackedDataset(cats), machine)
    for _ in range(22):  # more than an epoch
        assert step(in_memory) == step(on_disk)
    assert _same(in_memory, on_disk)


def test_a_loss_that_is_nan_is_named_in_the_error(new_run: TrainingRun) -> None:
    with torch.no_grad():
        next(new_run.gan.discriminator.parameters())[0] = float("inf")
    with pytest.raises(NotFiniteError, match=r"generator_loss became nan at 16 images seen"):
        step(new_run)


def test_images_of_another_shape_are_refused(
    cats: Path, config: TrainingConfig, machine: Machine
) -> None:
    with pytest.raises(DatasetError):
        TrainingRun(replace(config, shape=(64, 64, 1)), PackedDataset(cats), machine)


def test_the_served_generator_is_a_copy(new_run: TrainingRun) -> None:
    before = copy.deepcopy(_weights(new_run))
    served = new_run.served_generator()
    with torch.no_grad():
        for parameter in served.parameters():
            parameter.zero_()
    assert all(torch.equal(a, b) for a, b in zip(before, _weights(new_run), strict=True))


def test_a_step_with_several_discriminator_updates_counts_the_reals_of_each(
    cats: Path, config: TrainingConfig, machine: Machine
) -> None:
    run = TrainingRun(replace(config, discriminator_steps=3), PackedDataset(cats), machine)
    step(run)
    assert run.images_seen == run.sampler.position == 48


@pytest.mark.parametrize(("loss", "taken"), [("relativistic", 32), ("non_saturating", 16)])
def test_only_a_relativistic_generator_draws_real_images_of_its_own(
    cats: Path, config: TrainingConfig, machine: Machine, loss: str, taken: int
) -> None:
    config = replace(config, updates="alternating", loss=loss)
    run = TrainingRun(config, PackedDataset(cats), machine)
    step(run)
    assert (run.images_seen, run.sampler.position) == (16, taken)


def test_rollbacks_halve_the_learning_rates(new_run: TrainingRun) -> None:
    new_run.rollbacks = 2
    step(new_run)
    assert new_run.gan.generator_optimizer.learning_rate == 5e-5


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_run_on_cuda_trains(cats: Path, config: TrainingConfig) -> None:
    machine = choose_machine("auto")
    machine.prepare()
    run = TrainingRun(config, PackedDataset(cats), machine)
    losses = [step(run) for _ in range(40)]
    assert losses[-1].discriminator_real > losses[-1].discriminator_fake
