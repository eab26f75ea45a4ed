"""The served generator is an average, with re-estimated BatchNorm statistics."""

import pytest
import torch
from torch import nn

from models.config import TrainingConfig
from models.networks.build import build_generator, initialise
from models.networks.network import Generator
from models.training.ema import GeneratorAverage, reestimated


def _generator(seed: int) -> Generator:
    generator = build_generator(TrainingConfig(width=8))
    initialise(generator, torch.Generator().manual_seed(seed))
    return generator


def _first(generator: Generator) -> torch.Tensor:
    return next(generator.parameters()).detach()


def test_an_update_keeps_the_decayed_share_of_the_average() -> None:
    start, end = _generator(0), _generator(1)
    average = GeneratorAverage(start)
    average.update(end, decay=0.75)
    expected = 0.75 * _first(start) + 0.25 * _first(end)
    torch.testing.assert_close(_first(average.generator), expected)


def test_a_decay_of_zero_copies_the_trained_generator() -> None:
    average = GeneratorAverage(_generator(0))
    average.update(end := _generator(1), decay=0.0)
    assert torch.equal(_first(average.generator), _first(end))


def test_reestimated_statistics_are_those_of_the_generated_images() -> None:
    generator = _generator(0)
    served = reestimated(generator)
    inputs: list[torch.Tensor] = []
    first_norm = next(module for module in served.modules() if isinstance(module, nn.BatchNorm2d))
    first_norm.register_forward_pre_hook(lambda _module, args: inputs.append(args[0]))
    latents = torch.randn(4096, 100, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        served(latents)
    mean, variance = inputs[0].mean((0, 2, 3)), inputs[0].var((0, 2, 3))
    torch.testing.assert_close(first_norm.running_var, variance, rtol=0.1, atol=0)
    torch.testing.assert_close(first_norm.running_mean, mean, rtol=0, atol=0.2)


def test_reestimating_is_repeatable_and_changes_nothing_else() -> None:
    generator = _generator(0)
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    random = torch.get_rng_state()
    first, second = reestimated(generator), reestimated(generator)
    assert generator.training
    assert not first.training
    assert torch.equal(random, torch.get_rng_state())
    for name, tensor in generator.state_dict().items():
        assert torch.equal(tensor, before[name])
        assert torch.equal(first.state_dict()[name], second.state_dict()[name])
    assert first.state_dict()["layers.1.running_mean"].any()
    assert pytest.approx(0.1) == next(
        module.momentum for module in first.modules() if isinstance(module, nn.BatchNorm2d)
    )
