"""The served generator is an average with BatchNorm statistics of its own."""

import pytest
import torch
from torch import nn

from models.config import TrainingConfig
from models.ema import GeneratorAverage, reestimated
from models.networks import Generator, initialise


def _generator(seed: int) -> Generator:
    generator = Generator(TrainingConfig(width=8))
    initialise(generator, torch.Generator().manual_seed(seed))
    return generator


def _first(generator: Generator) -> torch.Tensor:
    return next(generator.parameters()).detach()


def test_half_the_distance_is_gone_after_one_half_life() -> None:
    start, end = _generator(0), _generator(1)
    average = GeneratorAverage(start, half_life_images=1000)
    for seen in range(10):
        average.update(end, images_seen=1_000_000 + 100 * seen, images=100)
    torch.testing.assert_close(_first(average.generator), (_first(start) + _first(end)) / 2)


def test_early_on_the_half_life_is_a_twentieth_of_the_images_seen() -> None:
    start, end = _generator(0), _generator(1)
    average = GeneratorAverage(start, half_life_images=40_000)
    average.update(end, images_seen=2000, images=100)
    torch.testing.assert_close(_first(average.generator), (_first(start) + _first(end)) / 2)


def test_a_half_life_of_zero_is_the_trained_generator_itself() -> None:
    average = GeneratorAverage(_generator(0), half_life_images=0)
    average.update(end := _generator(1), images_seen=64, images=64)
    assert torch.equal(_first(average.generator), _first(end))


def test_reestimated_statistics_are_those_of_the_generators_own_pictures() -> None:
    generator = _generator(0)
    served = reestimated(generator)
    inputs: list[torch.Tensor] = []
    first_norm = next(m for m in served.modules() if isinstance(m, nn.BatchNorm2d))
    first_norm.register_forward_pre_hook(lambda _module, args: inputs.append(args[0]))
    latents = torch.randn(4096, 100, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        served(latents)
    mean, variance = inputs[0].mean((0, 2, 3)), inputs[0].var((0, 2, 3))
    torch.testing.assert_close(first_norm.running_var, variance, rtol=0.1, atol=0)
    torch.testing.assert_close(first_norm.running_mean, mean, rtol=0, atol=0.2)


def test_reestimating_is_repeatable_and_touches_nothing_else() -> None:
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
        m.momentum for m in first.modules() if isinstance(m, nn.BatchNorm2d)
    )
