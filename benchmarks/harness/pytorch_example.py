"""pytorch/examples' dcgan, written out: eager, float32, NCHW, as most users write it.

Networks, initial weights, losses and the order of a step are the example's. The caller loads the
files.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

LATENT_DIM = 100
LEARNING_RATE, BETAS = 2e-4, (0.5, 0.999)
Step = Callable[[], tuple[float, float, float, float, float]]


def generator(width: int, channels: int = 3) -> nn.Sequential:
    """(B, 100, 1, 1) -> (B, C, 64, 64)."""
    layers: list[nn.Module] = []
    inner, stride, padding = LATENT_DIM, 1, 0
    for outer in (8 * width, 4 * width, 2 * width, width):
        layers += [
            nn.ConvTranspose2d(inner, outer, 4, stride, padding, bias=False),
            nn.BatchNorm2d(outer),
            nn.ReLU(True),
        ]
        inner, stride, padding = outer, 2, 1
    layers += [nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh()]
    return nn.Sequential(*layers)


def discriminator(width: int, channels: int = 3) -> nn.Sequential:
    """(B, C, 64, 64) -> (B, 1, 1, 1) probabilities of being real."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, inplace=True),
    ]
    for inner in (width, 2 * width, 4 * width):
        layers += [
            nn.Conv2d(inner, 2 * inner, 4, 2, 1, bias=False),
            nn.BatchNorm2d(2 * inner),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    layers += [nn.Conv2d(8 * width, 1, 4, 1, 0, bias=False), nn.Sigmoid()]
    return nn.Sequential(*layers)


def initialise(module: nn.Module) -> None:
    """The example's weights_init."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def make_step(batches: Iterator[Tensor], width: int, device: torch.device) -> Step:
    """The example's training step on float32 (B, C, 64, 64) batches in [-1, 1]."""
    torch.manual_seed(0)
    G = generator(width).apply(initialise).to(device)
    D = discriminator(width).apply(initialise).to(device)
    adam_G, adam_D = (
        torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, betas=BETAS) for network in (G, D)
    )
    criterion = nn.BCELoss()

    def step() -> tuple[float, float, float, float, float]:
        D.zero_grad()
        images = next(batches).to(device)
        size = len(images)
        label = torch.full((size,), 1.0, device=device)
        output = D(images).view(-1)
        loss_real = criterion(output, label)
        loss_real.backward()
        mean_real = output.mean().item()

        noise = torch.randn(size, LATENT_DIM, 1, 1, device=device)
        fakes = G(noise)
        label.fill_(0.0)
        output = D(fakes.detach()).view(-1)
        loss_fake = criterion(output, label)
        loss_fake.backward()
        mean_before = output.mean().item()
        loss_D = loss_real + loss_fake
        adam_D.step()

        G.zero_grad()
        label.fill_(1.0)
        output = D(fakes).view(-1)
        loss_G = criterion(output, label)
        loss_G.backward()
        mean_after = output.mean().item()
        adam_G.step()
        return loss_D.item(), loss_G.item(), mean_real, mean_before, mean_after

    return step


def in_memory(images: np.ndarray, batch_size: int) -> Iterator[Tensor]:
    """Endless batches of (N, H, W, C) uint8 images, converted to float32 NCHW beforehand."""
    data = torch.from_numpy(images).permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous()
    while True:
        yield data[torch.randint(len(data), (batch_size,))]
