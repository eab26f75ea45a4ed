"""The generator and the discriminator of dense layers: Goodfellow et al. (arXiv 1406.2661).

At width 256 the generator has layers of 256, 512 and 1024, as in Keras's GAN on MNIST.
"""

import math

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from models.config import TrainingConfig
from models.networks import network


class MLPGenerator(network.Generator):
    """Dense layers, each followed by its activation and then BatchNorm, as in both sources."""

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__(config.latent_dim, len(config.classes))
        height, width, channels = config.shape
        self.shape = (channels, height, width)
        layers: list[nn.Module] = []
        inner = self.input_dim
        for outer in (config.width, 2 * config.width, 4 * config.width):
            layers += [nn.Linear(inner, outer), _activation(config.generator_activation)]
            if config.generator_normalisation == "batch":
                layers.append(nn.BatchNorm1d(outer, momentum=config.batchnorm_momentum))
            inner = outer
        layers.append(nn.Linear(inner, math.prod(config.shape)))
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        pixels: Tensor = self.layers(self.inputs(latents, labels))
        return pixels.float().tanh().view(-1, *self.shape)


class MLPDiscriminator(network.Discriminator):
    """Dense layers of 512 and 256 at width 256, then one logit."""

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__(len(config.classes), config.width)
        layers: list[nn.Module] = []
        inner = math.prod(config.shape)
        for outer in (2 * config.width, config.width):
            dense = nn.Linear(inner, outer)
            spectral = config.discriminator_normalisation == "spectral"
            layers.append(spectral_norm(dense) if spectral else dense)
            if config.discriminator_normalisation == "batch":
                layers.append(nn.BatchNorm1d(outer, momentum=config.batchnorm_momentum))
            layers.append(nn.LeakyReLU(0.2))
            inner = outer
        self.layers = nn.Sequential(*layers)
        self.logit = nn.Linear(inner, 1)

    def blocks(self) -> list[nn.Module]:
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        features = self.layers(images.flatten(1))
        logits: Tensor = self.logit(features).float().flatten()
        return logits + self.project(features, labels)


def _activation(name: str) -> nn.Module:
    return nn.ReLU() if name == "relu" else nn.LeakyReLU(0.2)
