"""One step of the training, and the run it belongs to: all that changes from step to step."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from models.config import TrainingConfig
from models.data import EpochSampler, PackedDataset, normalise
from models.ema import GeneratorAverage, reestimated
from models.losses import discriminator_loss, generator_loss
from models.networks import Discriminator, Generator, initialise
from models.precision import Machine
from models.randomness import random_stream


class TrainingError(RuntimeError):
    """The training itself went wrong: a loss is no longer a number."""


class Losses(NamedTuple):
    """What one step reports: two losses, and the mean logits of the real and the fake pictures."""

    generator: float
    discriminator: float
    discriminator_real: float
    discriminator_fake: float


@dataclass(frozen=True)
class Adversaries:
    """The two networks and their optimizers."""

    generator: Generator
    discriminator: Discriminator
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer


def training_step(
    networks: Adversaries, reals: Tensor, latents: Tensor, autocast: torch.autocast
) -> Tensor:
    """The NumPy article's step: (B, C, H, W) reals and (B, D) latents -> the four `Losses`.

    The generator first, then the discriminator on the same fakes; reals and fakes are separate
    batches (each its own BatchNorm statistics) whose gradients are summed. The discriminator does
    not change in between, so one pass of the fakes through it serves both losses exactly.
    """
    G, D = networks.generator, networks.discriminator
    with autocast:
        fakes = G(latents)
        shown = fakes.detach().requires_grad_()  # cuts the graph between the networks
        fake_logits = D(shown)
        real_logits = D(reals)

    loss_generator = generator_loss(fake_logits)
    (gradient,) = torch.autograd.grad(loss_generator, shown, retain_graph=True)
    torch.autograd.backward(fakes, gradient)
    networks.generator_optimizer.step()
    networks.generator_optimizer.zero_grad()

    loss_discriminator = discriminator_loss(real_logits, fake_logits)
    torch.autograd.backward(loss_discriminator, inputs=list(D.parameters()))
    networks.discriminator_optimizer.step()
    networks.discriminator_optimizer.zero_grad()

    means = (loss_generator, loss_discriminator, real_logits.mean(), fake_logits.mean())
    return torch.stack(means).detach()


class TrainingRun:
    """A training in progress. `step` is the only thing that moves it; all else only looks."""

    def __init__(self, config: TrainingConfig, dataset: PackedDataset, machine: Machine) -> None:
        dataset.check(config)
        self.config = config
        self.dataset = dataset
        self.machine = machine
        self.images_seen = 0
        self.networks = _build(config, machine)
        self.average = GeneratorAverage(self.networks.generator, config.ema_half_life_images)
        self.sampler = EpochSampler(len(dataset), config.seed)
        self.latents = random_stream(config.seed, "latents")

    @property
    def finished(self) -> bool:
        """Whether the first whole batch at or past `config.images` is done."""
        return self.images_seen >= self.config.images

    def step(self) -> Losses:
        """Learn from the next batch. Raises TrainingError when a loss is not finite."""
        config, device = self.config, self.machine.device
        reals = self.dataset.batch(self.sampler.take(config.batch_size))
        latents = torch.randn(config.batch_size, config.latent_dim, generator=self.latents)
        reported = training_step(
            self.networks,
            normalise(reals.to(device)),
            latents.to(device),
            self.machine.autocast(),
        )
        self.images_seen += config.batch_size
        self.average.update(self.networks.generator, self.images_seen, config.batch_size)
        losses = Losses(*reported.tolist())
        for name, value in losses._asdict().items():
            if not abs(value) < float("inf"):
                name = name if "_" in name else f"{name}_loss"
                raise TrainingError(f"{name} became {value} at {self.images_seen:,} images seen")
        return losses

    def served_generator(self) -> Generator:
        """The generator a checkpoint holds now: averaged, its BatchNorm statistics re-estimated."""
        return reestimated(self.average.generator)


def _build(config: TrainingConfig, machine: Machine) -> Adversaries:
    random = random_stream(config.seed, "weights")
    generator, discriminator = Generator(config), Discriminator(config)
    for network in (generator, discriminator):
        initialise(network, random)
        network.to(machine.device)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # not in its stubs
    rates = config.generator_learning_rate, config.discriminator_learning_rate
    optimizers = [
        torch.optim.Adam(
            network.parameters(), lr=rate, betas=(config.beta1, config.beta2), fused=True
        )
        for network, rate in zip((generator, discriminator), rates, strict=True)
    ]
    return Adversaries(generator, discriminator, *optimizers)
