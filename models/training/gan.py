"""The GAN in training: both networks with their optimizers, as they are before the first step."""

from dataclasses import dataclass

import torch
from torch import nn

from models.adam import Adam
from models.checkpoint import CheckpointError, NetworkWeights
from models.config import TrainingConfig
from models.networks.build import build_discriminator, build_generator, initialise
from models.networks.network import Discriminator, Generator
from models.networks.normalisation import synchronise
from models.precision import Machine
from models.random_streams import random_stream
from models.ranges import ConfigError
from models.training.group import Group


@dataclass(frozen=True)
class GAN:
    """Both networks, their optimizers, and the settings that are the same in every step."""

    config: TrainingConfig
    machine: Machine
    group: Group
    generator: Generator
    discriminator: Discriminator
    generator_optimizer: Adam
    discriminator_optimizer: Adam


def build_networks(
    config: TrainingConfig, device: torch.device, start: NetworkWeights | None
) -> tuple[Generator, Discriminator]:
    """Both networks with the initial weights of their source, or with those of a checkpoint.

    Raises ConfigError, and CheckpointError for the weights of other networks.
    """
    random = random_stream(config.seed, "weights")
    generator, discriminator = build_generator(config), build_discriminator(config)
    initialise(generator, random)
    initialise(discriminator, random)
    if start is not None:
        try:
            generator.load_state_dict(start.generator)
            discriminator.load_state_dict(start.discriminator)
        except RuntimeError as error:
            raise CheckpointError(f"the checkpoint is of other networks: {error}") from error
    _freeze(discriminator, config.frozen_discriminator_layers)
    for network in (generator, discriminator):
        network.to(device)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # not in its stubs
    return generator, discriminator


def build_gan(
    config: TrainingConfig,
    machine: Machine,
    group: Group,
    generator: Generator,
    discriminator: Discriminator,
) -> GAN:
    """Give the networks their optimizers; in a group, synchronise BatchNorm over the batch."""
    if group.size > 1:
        synchronise(generator)
        synchronise(discriminator)
    return GAN(
        config,
        machine,
        group,
        generator,
        discriminator,
        _adam(generator, config.generator_learning_rate, config),
        _adam(discriminator, config.discriminator_learning_rate, config),
    )


def _freeze(discriminator: Discriminator, layers: int) -> None:
    """Exclude the first layers from training: Mo et al. (arXiv 2002.10964)."""
    blocks = discriminator.blocks()
    if layers > len(blocks):
        raise ConfigError(
            "frozen_discriminator_layers",
            layers,
            f"is more than the discriminator has: {len(blocks)}",
        )
    for block in blocks[:layers]:
        block.requires_grad_(False)


def _adam(network: nn.Module, learning_rate: float, config: TrainingConfig) -> Adam:
    trained = (parameter for parameter in network.parameters() if parameter.requires_grad)
    return Adam(trained, learning_rate, config.beta1, config.beta2)
