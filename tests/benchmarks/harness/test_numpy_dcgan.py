import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.harness import pytorch_example
from benchmarks.harness.numpy_dcgan import Network, Training, new_training

WIDTH, BATCH = 4, 4


class TorchTraining:
    """The article's step by autograd, on the NumPy networks' own weights."""

    def __init__(self, training: Training) -> None:
        self.generator = pytorch_example.generator(WIDTH).double()
        self.discriminator = pytorch_example.discriminator(WIDTH).double()
        for mine, theirs in self.pairs(training):
            assert mine.shape == theirs.shape
            theirs.data.copy_(torch.from_numpy(mine))
        self.adams = [
            torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for network in (self.generator, self.discriminator)
        ]

    def pairs(self, training: Training) -> list[tuple[np.ndarray, nn.Parameter]]:
        mine: list[Network] = [training.generator, training.discriminator]
        theirs = [self.generator, self.discriminator]
        return [
            pair
            for network, reference in zip(mine, theirs, strict=True)
            for pair in zip(network.parameters, reference.parameters(), strict=True)
        ]

    def step(self, reals: np.ndarray, latents: np.ndarray) -> tuple[float, float]:
        loss, ones = nn.BCELoss(), torch.ones(BATCH, dtype=torch.float64)
        fakes = self.generator(torch.from_numpy(latents)[:, :, None, None])
        loss_generator = loss(self.discriminator(fakes).flatten(), ones)
        self.adams[0].zero_grad()
        loss_generator.backward()
        self.adams[0].step()
        self.adams[1].zero_grad()
        loss_real = loss(self.discriminator(torch.from_numpy(reals)).flatten(), ones)
        loss_fake = loss(self.discriminator(fakes.detach()).flatten(), 0 * ones)
        (loss_real + loss_fake).backward()
        self.adams[1].step()
        return loss_generator.item(), (loss_real + loss_fake).item()


def test_three_steps_are_those_of_autograd() -> None:
    training = new_training(WIDTH, np.float64)
    reference = TorchTraining(training)
    random = np.random.default_rng(1)
    for _ in range(3):
        reals = random.uniform(-1, 1, (BATCH, 3, 64, 64))
        latents = random.normal(size=(BATCH, 100))
        assert training.step(reals, latents) == pytest.approx(reference.step(reals, latents))
    for mine, theirs in reference.pairs(training):
        np.testing.assert_allclose(mine, theirs.detach().numpy(), rtol=1e-6, atol=1e-9)


def test_float32_stays_float32() -> None:
    training = new_training(WIDTH, np.float32)
    random = np.random.default_rng(2)
    reals = random.uniform(-1, 1, (BATCH, 3, 64, 64)).astype(np.float32)
    training.step(reals, random.normal(size=(BATCH, 100)).astype(np.float32))
    networks = (training.generator, training.discriminator)
    arrays = [array for network in networks for array in (*network.parameters, *network.gradients)]
    arrays += [*training.generator_adam.squares, *training.discriminator_adam.means]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    assert training.generator.forward(np.zeros((2, 100, 1, 1), np.float32)).dtype == np.float32


def test_parameters_are_the_articles() -> None:
    training = new_training(32, np.float32)
    counts = [
        sum(parameter.size for parameter in network.parameters)
        for network in (training.generator, training.discriminator)
    ]
    assert counts == [1_100_224, 694_656]
