"""The networks of R3GAN: Huang, Gokaslan, Kuleshov, Tompkin (arXiv 2501.05441), section 4.

Residual blocks without normalisation. Their initialisation bounds the variance: the last
convolution of each block starts at zero, and the others are scaled down by the fourth root of the
number of blocks.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import TrainingConfig
from models.networks import network
from models.networks.stages import stages_of

BLOCKS_PER_STAGE = 2
EXPANSION = 2
GROUP_SIZE = 16
SLOPE = 0.2
# This gain preserves the variance through a LeakyReLU: He et al. (arXiv 1502.01852), equation 15.
GAIN = math.sqrt(2 / (1 + SLOPE**2))
FULL_SIDE = 256  # a stage of this side has `width` channels; each half side doubles them


def r3gan_channels(config: TrainingConfig) -> list[int]:
    """Channels of each stage, from the smallest side to the image's, as published."""
    stages = stages_of(config.shape)
    base = min(stages.height, stages.width)
    sides = [base * 2**stage for stage in range(stages.doublings + 1)]
    return [min(config.max_width, config.width * max(1, FULL_SIDE // side)) for side in sides]


class R3GANGenerator(network.Generator):
    """A learnt basis scaled by a linear map of the latent, then the stages; no tanh at the end."""

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__(config.latent_dim, len(config.classes))
        stages, widths = stages_of(config.shape), r3gan_channels(config)
        blocks = BLOCKS_PER_STAGE * len(widths)
        self.basis = nn.Parameter(torch.empty(widths[0], stages.height, stages.width))
        self.scale = ScaledLinear(self.input_dim, widths[0])
        layers = [*_blocks(widths[0], blocks)]
        for inner, outer in pairwise(widths):
            layers += [Resample(inner, outer, up=True), *_blocks(outer, blocks)]
        layers.append(Pointwise(widths[-1], config.channels))
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        scales = self.scale(self.inputs(latents, labels))
        images: Tensor = self.layers(self.basis * scales[:, :, None, None])
        return images.float()


class R3GANDiscriminator(network.Discriminator):
    """The generator reversed; a depthwise convolution reduces the last stage to one position."""

    def __init__(self, config: TrainingConfig) -> None:
        stages, widths = stages_of(config.shape), r3gan_channels(config)[::-1]
        super().__init__(len(config.classes), widths[-1])
        blocks = BLOCKS_PER_STAGE * len(widths)
        layers: list[nn.Module] = [Pointwise(config.channels, widths[0])]
        for outer, inner in pairwise(widths):
            layers += [*_blocks(outer, blocks), Resample(outer, inner, up=False)]
        layers += _blocks(widths[-1], blocks)
        self.layers = nn.Sequential(*layers)
        self.basis = nn.Parameter(torch.empty(widths[-1], stages.height, stages.width))
        self.logit = ScaledLinear(widths[-1], 1)

    def blocks(self) -> list[nn.Module]:
        return [layer for layer in self.layers if any(True for _ in layer.parameters())]

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        features = (self.layers(images) * self.basis).sum((2, 3))
        logits: Tensor = self.logit(features).float().flatten()
        return logits + self.project(features, labels)


class Pointwise(nn.Conv2d):
    """A 1×1 convolution without a bias, initialised at scale `gain` / √channels_in."""

    def __init__(self, channels_in: int, channels_out: int, gain: float = 1.0) -> None:
        super().__init__(channels_in, channels_out, 1, bias=False)
        self.deviation = gain / math.sqrt(channels_in)


class Grouped(nn.Conv2d):
    """A 3×3 convolution without a bias, in groups of about 16 channels."""

    def __init__(self, channels: int, gain: float) -> None:
        groups = max(1, channels // GROUP_SIZE)
        while channels % groups:
            groups -= 1
        super().__init__(channels, channels, 3, padding=1, groups=groups, bias=False)
        self.deviation = gain / math.sqrt(9 * channels // groups)


class ScaledLinear(nn.Linear):
    """A linear map without a bias, initialised at scale 1 / √size_in."""

    def __init__(self, size_in: int, size_out: int) -> None:
        super().__init__(size_in, size_out, bias=False)
        self.deviation = 1 / math.sqrt(size_in)


class BiasedLeakyReLU(nn.Module):
    """A bias for each channel, then LeakyReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(channels))

    def forward(self, images: Tensor) -> Tensor:
        biased = images + self.bias.to(images.dtype)[:, None, None]
        return F.leaky_relu(biased, SLOPE)


class ResidualBlock(nn.Module):
    """1×1 to twice the channels, grouped 3×3, 1×1 back to the channels; added to the input."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        gain, inner = GAIN * blocks**-0.25, EXPANSION * channels
        self.layers = nn.Sequential(
            Pointwise(channels, inner, gain),
            BiasedLeakyReLU(inner),
            Grouped(inner, gain),
            BiasedLeakyReLU(inner),
            Pointwise(inner, channels, gain=0.0),
        )

    def forward(self, images: Tensor) -> Tensor:
        added: Tensor = self.layers(images)
        return images + added


class Resample(nn.Module):
    """Doubles or halves the side with the kernel [1, 2, 1]; 1×1 where the channels differ."""

    def __init__(self, channels_in: int, channels_out: int, *, up: bool) -> None:
        super().__init__()
        self.up = up
        same = channels_in == channels_out
        self.convolution = None if same else Pointwise(channels_in, channels_out)

    def forward(self, images: Tensor) -> Tensor:
        if self.up:
            narrow = images if self.convolution is None else self.convolution(images)
            kernel = self._kernels(narrow)
            return F.conv_transpose2d(
                narrow, kernel, stride=2, padding=1, output_padding=1, groups=len(kernel)
            )
        kernel = self._kernels(images)
        half = F.conv2d(images, kernel, stride=2, padding=1, groups=len(kernel))
        return half if self.convolution is None else self.convolution(half)

    def _kernels(self, images: Tensor) -> Tensor:
        line = torch.ones(3, dtype=images.dtype, device=images.device)
        line[1] = 2
        kernel = line.outer(line) / (4 if self.up else 16)
        return kernel.expand(images.shape[1], 1, 3, 3)


def _blocks(channels: int, blocks: int) -> list[nn.Module]:
    return [ResidualBlock(channels, blocks) for _ in range(BLOCKS_PER_STAGE)]
