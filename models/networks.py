"""The generator and the discriminator of DCGAN: Radford, Metz, Chintala (arXiv 1511.06434).

Sizes as the NumPy article builds them: `width` channels beside the image, doubling with each
stage towards 4×4 (7×7 for 28 pixels).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from models.config import TrainingConfig


def base_resolution(resolution: int) -> tuple[int, int]:
    """The side the generator starts from and how often it doubles: 64 -> (4, 4), 28 -> (7, 2)."""
    base, doublings = resolution, 0
    while base > 7:
        base, doublings = base // 2, doublings + 1
    return base, doublings


def _widths(config: TrainingConfig) -> list[int]:
    """Channels of each hidden stage, from the image inwards: 32, 64, 128, 256 at 64 pixels."""
    _, doublings = base_resolution(config.resolution)
    return [config.width * 2**stage for stage in range(doublings)]


class Generator(nn.Module):
    """(B, latent_dim) normal latents -> (B, C, H, W) float32 images in [-1, 1]."""

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__()
        self.latent_dim = config.latent_dim
        base, _ = base_resolution(config.resolution)
        widths = _widths(config)[::-1]
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(config.latent_dim, widths[0], base, 1, 0, bias=False)
        ]
        for inner, outer in zip(widths, [*widths[1:], config.channels], strict=True):
            layers += [nn.BatchNorm2d(inner), nn.ReLU(inplace=True)]
            layers.append(nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=False))
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        images: Tensor = self.layers(latents[:, :, None, None])
        # Under autocast the layers give bfloat16, too coarse for pixels near ±1.
        return torch.tanh(images.float())


class Discriminator(nn.Module):
    """(B, C, H, W) images in [-1, 1] -> (B,) float32 logits: positive means real."""

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__()
        base, _ = base_resolution(config.resolution)
        widths = _widths(config)
        layers: list[nn.Module] = [
            nn.Conv2d(config.channels, widths[0], 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        for outer, inner in pairwise(widths):
            layers += [
                nn.Conv2d(outer, inner, 4, 2, 1, bias=False),
                nn.BatchNorm2d(inner),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        layers.append(nn.Conv2d(widths[-1], 1, base, 1, 0, bias=False))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits.float().flatten()


def initialise(network: nn.Module, random: torch.Generator) -> None:
    """DCGAN's start: convolutions N(0, 0.02), BatchNorm scales N(1, 0.02), shifts 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02, generator=random)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            nn.init.normal_(module.weight, 1.0, 0.02, generator=random)
            nn.init.zeros_(module.bias)


def count_parameters(config: TrainingConfig) -> dict[str, int]:
    """Trainable parameters of each network, BatchNorm included; nothing is allocated."""
    with torch.device("meta"):
        networks = {"generator": Generator(config), "discriminator": Discriminator(config)}
    return {
        name: sum(parameter.numel() for parameter in network.parameters())
        for name, network in networks.items()
    }
