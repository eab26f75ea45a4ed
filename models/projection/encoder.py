"""The encoder: a small network that predicts the latent of an image, for one checkpoint.

It is trained on pairs that the checkpoint's generator makes, so it needs no pictures: Zhu et al.,
"Generative visual manipulation on the natural image manifold" (arXiv 1609.03552), section 3.1.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.networks.network import Generator
from models.precision import Machine
from models.projection.perception import small_colours
from models.random_streams import random_stream

BATCH = 128
LEARNING_RATE = 1e-3
NOISE = 0.05  # on the pixels, so that the encoder does not rely on traces of the generator
WIDTHS = (32, 64, 128, 128)


class Encoder(nn.Module):
    """(B, 3, 64, 64) images in [-1, 1] -> (B, latent_dim)."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.PixelUnshuffle(2)]  # (B, 12, 32, 32)
        for index, (inputs, outputs) in enumerate(zip((12, *WIDTHS), WIDTHS, strict=False)):
            stride = 1 if index == 0 else 2
            layers += [
                nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.layers = nn.Sequential(*layers)  # (B, 128, 4, 4)
        self.latent = nn.Linear(WIDTHS[-1] * 16, latent_dim)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.layers(images)
        latents: Tensor = self.latent(features.flatten(1)).float()
        return latents

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Tensor:
        """(B, C, H, W) images in [-1, 1] -> (B, latent_dim) latents, on the shell of normal ones.

        The mean of all latents that might fit is too short: only its direction is used.
        """
        latents = self(small_colours(images))
        return F.normalize(latents, dim=1) * math.sqrt(latents.shape[1])


@dataclass(frozen=True)
class Pairs:
    """Draws latents and the images that the generator makes of them."""

    generator: Generator
    machine: Machine
    random: torch.Generator

    @torch.no_grad()
    def draw(self, count: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """(count, latent_dim) latents, (count, C, H, W) images, (count,) labels or None."""
        device, classes = self.machine.device, self.generator.classes
        latents = torch.randn(count, self.generator.latent_dim, generator=self.random).to(device)
        labels = None
        if classes:
            labels = torch.randint(classes, (count,), generator=self.random).to(device)
        with self.machine.autocast():
            images = self.generator(latents, labels)
        return latents, images.float().clamp(-1, 1), labels


def train_encoder(
    generator: Generator,
    machine: Machine,
    progress: Callable[[int], None],
    images: int,
) -> Encoder:
    """Train an encoder on `images` images; `progress` is called with the number of images seen.

    The generator is in eval mode on the machine's device.
    """
    random = random_stream(0, "encoder")
    encoder = Encoder(generator.latent_dim)
    initialise(encoder, random)
    encoder.to(machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(encoder.parameters(), LEARNING_RATE, weight_decay=1e-4)
    pairs = Pairs(generator, machine, random)
    seen = 0
    progress(0)
    while seen < images:
        rate = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * seen / images))
        optimiser.param_groups[0]["lr"] = rate
        latents, pictures, _ = pairs.draw(BATCH)
        inputs = small_colours(pictures)
        noise = torch.randn(inputs.shape, generator=random).to(inputs.device)
        inputs = (inputs + NOISE * noise).contiguous(memory_format=torch.channels_last)
        with machine.autocast():
            predicted = encoder(inputs)
        loss = F.mse_loss(predicted, latents)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        seen += BATCH
        progress(min(seen, images))
    return encoder.eval().requires_grad_(False)


def initialise(encoder: Encoder, random: torch.Generator) -> None:
    """He's initialisation of every layer that has weights."""
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, 0.2, generator=random)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
