"""The generator and the discriminator of DCGAN: Radford, Metz, Chintala (arXiv 1511.06434).

Sizes as the NumPy article builds them: `width` channels beside the image, doubling with each
stage towards the start, up to `max_width`.
"""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from models.config import TrainingConfig
from models.networks import network
from models.networks.convolution import Downsample, Flatten, Unflatten, Upsample
from models.networks.stages import stages_of


def widths_of(config: TrainingConfig) -> list[int]:
    """Channels of each hidden stage, from the image inwards: 32, 64, 128, 256 at 64 pixels."""
    doublings = stages_of(config.shape).doublings
    return [min(config.width * 2**stage, config.max_width) for stage in range(doublings)]


class DCGANGenerator(network.Generator):
    """Transposed convolutions, each with BatchNorm and its activation; tanh at the end.

    A class is a map added to the first normalised features. With `skip_outputs` every stage adds
    colours of its own to the picture, enlarged (StyleGAN2: arXiv 1912.04958, section 4.1): the
    coarse ones are learnt without a way through all that follows.
    """

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__(config.latent_dim, len(config.classes))
        stages, widths = stages_of(config.shape), widths_of(config)[::-1]
        side = stages.height, stages.width
        layers: list[nn.Module] = [Unflatten(self.latent_dim, widths[0], side)]
        for inner, outer in zip(widths, [*widths[1:], config.channels], strict=True):
            if config.generator_normalisation == "batch":
                layers.append(nn.BatchNorm2d(inner, momentum=config.batchnorm_momentum))
            layers += [_activation(config.generator_activation), Upsample(inner, outer)]
        self.layers = nn.Sequential(*layers)
        skips = widths[1:] if config.skip_outputs else []
        self.colours = nn.ModuleList(nn.Conv2d(width, config.channels, 1) for width in skips)
        # Beside the latent's, before a BatchNorm, the class's share would grow until nothing of
        # the latent is left, and each class would be one picture.
        self.start = 2 if config.generator_normalisation == "batch" else 1
        self.class_layer = Unflatten(self.latent_dim, widths[0], side) if config.classes else None

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        features = self.layers[: self.start](latents[:, :, None, None])
        if self.class_layer is not None:
            features = features + self.class_layer(self.embed(labels)[:, :, None, None])
        if self.colours:
            images = self._with_colours(features)
        else:
            images = self.layers[self.start :](features)
        # Under autocast the layers give bfloat16, too coarse for pixels near ±1.
        return images.float().tanh()

    def _with_colours(self, features: Tensor) -> Tensor:
        """(B, C, H, W) at the start -> the picture before tanh, in float32: a sum of all stages."""
        colours = iter(self.colours)
        picture: Tensor | None = None
        for place, layer in enumerate(list(self.layers)[self.start :]):
            if isinstance(layer, Upsample) and place > 1:  # the first stage adds none
                added = next(colours)(features).float()
                picture = added if picture is None else _enlarged(picture) + added
            features = layer(features)
        assert picture is not None, "at 28 pixels there are two stages"
        return features.float() + _enlarged(picture)


class DCGANDiscriminator(network.Discriminator):
    """Strided convolutions with LeakyReLU, BatchNorm in all but the first, then one logit."""

    def __init__(self, config: TrainingConfig) -> None:
        widths = widths_of(config)
        stages = stages_of(config.shape)
        # Where in the picture a feature lies is half of what tells a class.
        super().__init__(len(config.classes), widths[-1] * stages.height * stages.width)
        normalised = config.discriminator_normalisation
        blocks = []
        for place, (outer, inner) in enumerate(pairwise([config.channels, *widths])):
            convolution = Downsample(outer, inner)
            layers = [spectral_norm(convolution) if normalised == "spectral" else convolution]
            if normalised == "batch" and place > 0:
                layers.append(nn.BatchNorm2d(inner, momentum=config.batchnorm_momentum))
            blocks.append(nn.Sequential(*layers, nn.LeakyReLU(0.2, inplace=True)))
        self.layers = nn.Sequential(*blocks)
        logit = Flatten(widths[-1], 1, (stages.height, stages.width))
        self.logit = spectral_norm(logit) if normalised == "spectral" else logit

    def blocks(self) -> list[nn.Module]:
        return list(self.layers)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        features: Tensor = self.layers(images)
        logits: Tensor = self.logit(features).float().flatten()
        return logits + self.project(features.flatten(1), labels)


def _enlarged(picture: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 2 H, 2 W)"""
    return F.interpolate(picture, scale_factor=2.0, mode="bilinear", align_corners=False)


def _activation(name: str) -> nn.Module:
    return nn.ReLU(inplace=True) if name == "relu" else nn.LeakyReLU(0.2, inplace=True)
