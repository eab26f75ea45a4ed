"""The generator and the discriminator of DCGAN: Radford, Metz, Chintala (arXiv 1511.06434).

The stage beside the image has `width` channels; the number doubles with each stage further inwards,
up to `max_width`.
"""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from models.config import TrainingConfig
from models.networks import network
from models.networks.convolution import Downsample, Flatten, Unflatten, Upsample
from models.networks.stages import stages_of


def dcgan_channels(config: TrainingConfig) -> list[int]:
    """Channels of each hidden stage, from the image inwards: 32, 64, 128, 256 at 64 pixels."""
    doublings = stages_of(config.shape).doublings
    return [min(config.width * 2**stage, config.max_width) for stage in range(doublings)]


class DCGANGenerator(network.Generator):
    """Transposed convolutions, each after BatchNorm and an activation; tanh at the end.

    A class adds a feature map to the first normalised features. With `skip_outputs`, each stage
    adds its own RGB image, enlarged, to the result (StyleGAN2: arXiv 1912.04958, section 4.1), so
    that coarse colours need not pass through all later stages.
    """

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__(config.latent_dim, len(config.classes))
        stages, widths = stages_of(config.shape), dcgan_channels(config)[::-1]
        side = stages.height, stages.width
        layers: list[nn.Module] = [Unflatten(self.latent_dim, widths[0], side)]
        for inner, outer in zip(widths, [*widths[1:], config.channels], strict=True):
            if config.generator_normalisation == "batch":
                layers.append(nn.BatchNorm2d(inner, momentum=config.batchnorm_momentum))
            layers += [_activation(config.generator_activation), Upsample(inner, outer)]
        self.layers = nn.Sequential(*layers)
        skips = widths[1:] if config.skip_outputs else []
        self.colours = nn.ModuleList(nn.Conv2d(width, config.channels, 1) for width in skips)
        # The class is added after the first BatchNorm. Added before it, its share would grow until
        # the latent had no effect, and each class would have one image.
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
        # float32, because bfloat16, which layers return under autocast, is too coarse near ±1.
        return images.float().tanh()

    def _with_colours(self, features: Tensor) -> Tensor:
        """First features (B, C, H, W) -> the image before tanh, in float32: a sum of all stages."""
        colours = iter(self.colours)
        image: Tensor | None = None
        for index, layer in enumerate(list(self.layers)[self.start :]):
            if isinstance(layer, Upsample) and index > 1:  # the first stage adds no image
                added = next(colours)(features).float()
                image = added if image is None else _enlarge(image) + added
            features = layer(features)
        assert image is not None, "even 28 pixels have two stages"
        return features.float() + _enlarge(image)


class DCGANDiscriminator(network.Discriminator):
    """Strided convolutions with LeakyReLU, BatchNorm in all but the first, then one logit."""

    def __init__(self, config: TrainingConfig) -> None:
        widths = dcgan_channels(config)
        stages = stages_of(config.shape)
        # The class projection sees features by position: the position matters for a class.
        super().__init__(len(config.classes), widths[-1] * stages.height * stages.width)
        normalisation = config.discriminator_normalisation
        blocks = []
        for index, (outer, inner) in enumerate(pairwise([config.channels, *widths])):
            convolution = Downsample(outer, inner)
            layers = [spectral_norm(convolution) if normalisation == "spectral" else convolution]
            if normalisation == "batch" and index > 0:
                layers.append(nn.BatchNorm2d(inner, momentum=config.batchnorm_momentum))
            blocks.append(nn.Sequential(*layers, nn.LeakyReLU(0.2, inplace=True)))
        self.layers = nn.Sequential(*blocks)
        logit = Flatten(widths[-1], 1, (stages.height, stages.width))
        self.logit = spectral_norm(logit) if normalisation == "spectral" else logit

    def blocks(self) -> list[nn.Module]:
        return list(self.layers)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        features: Tensor = self.layers(images)
        logits: Tensor = self.logit(features).float().flatten()
        return logits + self.project(features.flatten(1), labels)


def _enlarge(image: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 2 H, 2 W)"""
    return F.interpolate(image, scale_factor=2.0, mode="bilinear", align_corners=False)


def _activation(name: str) -> nn.Module:
    return nn.ReLU(inplace=True) if name == "relu" else nn.LeakyReLU(0.2, inplace=True)
