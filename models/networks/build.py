"""From a configuration to its two networks, and the values they start from."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from models.config import TrainingConfig
from models.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from models.networks.mlp import MLPDiscriminator, MLPGenerator
from models.networks.network import Discriminator, Generator
from models.networks.r3gan import (
    BiasedLeakyReLU,
    Grouped,
    Pointwise,
    R3GANDiscriminator,
    R3GANGenerator,
    ScaledLinear,
)

GENERATORS = {"mlp": MLPGenerator, "dcgan": DCGANGenerator, "r3gan": R3GANGenerator}
DISCRIMINATORS = {
    "mlp": MLPDiscriminator,
    "dcgan": DCGANDiscriminator,
    "r3gan": R3GANDiscriminator,
}
POWER_ITERATIONS = 15  # as many as PyTorch starts spectral norm with


def build_generator(config: TrainingConfig) -> Generator:
    """The generator of `config`, not yet initialised. Raises ConfigError for its shape."""
    return GENERATORS[config.architecture](config)


def build_discriminator(config: TrainingConfig) -> Discriminator:
    """The discriminator of `config`, not yet initialised. Raises ConfigError for its shape."""
    return DISCRIMINATORS[config.architecture](config)


def initialise(network: nn.Module, random: torch.Generator) -> None:
    """Give every parameter its starting value, each architecture as its source does.

    DCGAN: convolutions N(0, 0.02), BatchNorm scales N(1, 0.02), shifts 0. Dense layers: Glorot's
    uniform values, as Keras, BatchNorm from 1 and 0. R3GAN: He's scale times each layer's gain.
    """
    dense = isinstance(network, MLPGenerator | MLPDiscriminator)
    for module in network.modules():
        if isinstance(module, Pointwise | Grouped | ScaledLinear):
            nn.init.normal_(module.weight, 0.0, module.deviation, generator=random)
        elif isinstance(module, nn.Linear):
            _start(module, partial(nn.init.xavier_uniform_, generator=random), random)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            _start(module, partial(nn.init.normal_, std=0.02, generator=random), random)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.reset_running_stats()
            nn.init.ones_(module.weight)
            if not dense:
                nn.init.normal_(module.weight, 1.0, 0.02, generator=random)
            nn.init.zeros_(module.bias)
        elif isinstance(module, BiasedLeakyReLU):
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            # Far smaller than the latents: beside classes as large, the generator learns one
            # picture of each and no longer looks at its latent.
            nn.init.normal_(module.weight, 0.0, 0.02, generator=random)
    if isinstance(network, R3GANGenerator):
        nn.init.normal_(network.basis, generator=random)
    elif isinstance(network, R3GANDiscriminator):
        nn.init.normal_(network.basis, 0.0, network.basis[0].numel() ** -0.5, generator=random)
    if isinstance(network, Discriminator) and network.projection is not None:
        # Whatever its features sum to, a class adds nothing at first.
        nn.init.zeros_(network.projection.weight)


def count_parameters(config: TrainingConfig) -> dict[str, int]:
    """Trainable parameters of each network, BatchNorm included; nothing is allocated."""
    with torch.device("meta"):
        networks = {
            "generator": build_generator(config),
            "discriminator": build_discriminator(config),
        }
    return {
        name: sum(parameter.numel() for parameter in network.parameters())
        for name, network in networks.items()
    }


def _start(module: nn.Module, draw: Callable[[Tensor], object], random: torch.Generator) -> None:
    """Have `draw` fill the module's weight."""
    with torch.no_grad():
        if not is_parametrized(module, "weight"):
            draw(module.get_parameter("weight"))
            return
        # Spectral norm keeps the values that it scales aside, with its estimate of the first
        # singular vectors, which PyTorch draws from the process's own random state.
        kept = module.get_submodule("parametrizations.weight")
        weight, norm = kept.get_parameter("original"), kept.get_submodule("0")
        draw(weight)
        left, right = norm.get_buffer("_u"), norm.get_buffer("_v")
        left.normal_(generator=random)
        for _ in range(POWER_ITERATIONS):
            right.copy_(F.normalize(left @ weight.flatten(1), dim=0))
            left.copy_(F.normalize(weight.flatten(1) @ right, dim=0))
