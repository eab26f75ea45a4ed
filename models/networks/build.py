"""Builds the two networks of a configuration and initialises their weights."""

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
POWER_ITERATIONS = 15  # as many as PyTorch does when it initialises spectral norm


def build_generator(config: TrainingConfig) -> Generator:
    """Build the generator, not yet initialised. Raises ConfigError for an unsupported shape."""
    return GENERATORS[config.architecture](config)


def build_discriminator(config: TrainingConfig) -> Discriminator:
    """Build the discriminator, not yet initialised. Raises ConfigError for its shape."""
    return DISCRIMINATORS[config.architecture](config)


def initialise(network: nn.Module, random: torch.Generator) -> None:
    """Initialise every parameter as the source of the architecture does.

    DCGAN: convolutions N(0, 0.02), BatchNorm scales N(1, 0.02), shifts 0. Dense layers: Glorot's
    uniform values as in Keras, BatchNorm scales 1, shifts 0. R3GAN: He's scale times each layer's
    gain.
    """
    dense = isinstance(network, MLPGenerator | MLPDiscriminator)
    for module in network.modules():
        if isinstance(module, Pointwise | Grouped | ScaledLinear):
            nn.init.normal_(module.weight, 0.0, module.deviation, generator=random)
        elif isinstance(module, nn.Linear):
            _initialise_weight(module, partial(nn.init.xavier_uniform_, generator=random), random)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            _initialise_weight(module, partial(nn.init.normal_, std=0.02, generator=random), random)
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
            # Far smaller than the latents. With class embeddings as large as the latents, the
            # generator learns one image per class and ignores the latent.
            nn.init.normal_(module.weight, 0.0, 0.02, generator=random)
    if isinstance(network, R3GANGenerator):
        nn.init.normal_(network.basis, generator=random)
    elif isinstance(network, R3GANDiscriminator):
        nn.init.normal_(network.basis, 0.0, network.basis[0].numel() ** -0.5, generator=random)
    if isinstance(network, Discriminator) and network.projection is not None:
        # At the start, a class adds nothing to the logits.
        nn.init.zeros_(network.projection.weight)


def _initialise_weight(
    module: nn.Module, draw: Callable[[Tensor], object], random: torch.Generator
) -> None:
    """Fill the module's weight with `draw`, also under spectral norm."""
    with torch.no_grad():
        if not is_parametrized(module, "weight"):
            draw(module.get_parameter("weight"))
            return
        # Spectral norm stores the unscaled weight and an estimate of its first singular vectors.
        # PyTorch draws the vectors from the process's random state; here they come from `random`.
        parametrization = module.get_submodule("parametrizations.weight")
        weight, norm = parametrization.get_parameter("original"), parametrization.get_submodule("0")
        draw(weight)
        left, right = norm.get_buffer("_u"), norm.get_buffer("_v")
        left.normal_(generator=random)
        for _ in range(POWER_ITERATIONS):
            right.copy_(F.normalize(left @ weight.flatten(1), dim=0))
            left.copy_(F.normalize(weight.flatten(1) @ right, dim=0))
