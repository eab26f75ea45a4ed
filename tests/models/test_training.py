"""The step is the article's, bit for bit; looking at a run does not move it."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.config import TrainingConfig
from models.data import DatasetError, PackedDataset, normalise
from models.precision import Machine, choose_machine
from models.training import TrainingError, TrainingRun, training_step


def _weights(run: TrainingRun) -> list[Tensor]:
    networks = run.networks.generator, run.networks.discriminator, run.average.generator
    return [tensor for network in networks for tensor in network.state_dict().values()]


def _same(left: TrainingRun, right: TrainingRun) -> bool:
    pairs = zip(_weights(left), _weights(right), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def _articles_step(run: TrainingRun, reals: Tensor, latents: Tensor) -> list[float]:
    """The same step written out plainly: two passes of the fakes, two backward calls."""
    networks = run.networks
    ones, zeros = torch.ones(len(reals)), torch.zeros(len(reals))
    with run.machine.autocast():
        fakes = networks.generator(latents)
        logits = networks.discriminator(fakes)
    generator_loss = F.binary_cross_entropy_with_logits(logits, ones)
    generator_loss.backward()
    networks.generator_optimizer.step()
    networks.discriminator.zero_grad()
    with run.machine.autocast():
        fake_logits = networks.discriminator(fakes.detach())
        real_logits = networks.discriminator(reals)
    fake_loss = F.binary_cross_entropy_with_logits(fake_logits, zeros)
    real_loss = F.binary_cross_entropy_with_logits(real_logits, ones)
    (real_loss + fake_loss).backward()
    networks.discriminator_optimizer.step()
    networks.generator.zero_grad()
    networks.discriminator.zero_grad()
    return [generator_loss.item(), (real_loss + fake_loss).item()]


def test_sharing_the_fakes_pass_gives_the_articles_weights(
    cats: Path, config: TrainingConfig, precise_machine: Machine
) -> None:
    dataset = PackedDataset(cats)
    ours, plain = (TrainingRun(config, dataset, precise_machine) for _ in range(2))
    for step in range(3):
        reals = normalise(dataset.batch(torch.arange(16 * step, 16 * step + 16)))
        latents = torch.randn(16, 100, generator=torch.Generator().manual_seed(step))
        losses = training_step(ours.networks, reals, latents, precise_machine.autocast())
        assert losses[:2].tolist() == _articles_step(plain, reals, latents)
    pairs = zip(
        [*ours.networks.generator.parameters(), *ours.networks.discriminator.parameters()],
        [*plain.networks.generator.parameters(), *plain.networks.discriminator.parameters()],
        strict=True,
    )
    assert all(torch.equal(one, other) for one, other in pairs)


def test_a_step_reports_losses_and_counts_images(new_run: TrainingRun) -> None:
    losses = new_run.step()
    assert new_run.images_seen == 16
    assert 0.3 < losses.generator < 3
    assert 0.5 < losses.discriminator < 5
    assert losses.discriminator_real != losses.discriminator_fake


def test_the_same_configuration_gives_the_same_run(
    cats: Path, config: TrainingConfig, precise_machine: Machine
) -> None:
    runs = [
        TrainingRun(one, PackedDataset(cats), precise_machine)
        for one in (config, config, replace(config, seed=6))
    ]
    torch.manual_seed(1)  # the process's own random state has no say
    losses = [[run.step() for _ in range(4)] for run in runs]
    assert losses[0] == losses[1] != losses[2]
    assert _same(runs[0], runs[1])


def test_a_loss_that_is_no_number_is_named(new_run: TrainingRun) -> None:
    with torch.no_grad():
        next(new_run.networks.discriminator.parameters())[0] = float("inf")
    with pytest.raises(TrainingError, match=r"generator_loss became nan at 16 images seen"):
        new_run.step()


def test_pictures_of_another_shape_are_refused_before_anything_is_built(
    cats: Path, config: TrainingConfig, machine: Machine
) -> None:
    with pytest.raises(DatasetError):
        TrainingRun(replace(config, channels=1), PackedDataset(cats), machine)


def test_the_served_generator_is_a_copy(new_run: TrainingRun) -> None:
    before = copy.deepcopy(_weights(new_run))
    served = new_run.served_generator()
    with torch.no_grad():
        for parameter in served.parameters():
            parameter.zero_()
    assert all(torch.equal(a, b) for a, b in zip(before, _weights(new_run), strict=True))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_run_on_cuda_learns(cats: Path, config: TrainingConfig) -> None:
    machine = choose_machine("auto")
    machine.prepare()
    run = TrainingRun(config, PackedDataset(cats), machine)
    losses = [run.step() for _ in range(40)]
    assert losses[-1].discriminator_real > losses[-1].discriminator_fake
