"""From latents to pixels."""

import numpy as np
import torch
from torch import Tensor

from models.networks.network import Generator

BATCH = 64


def to_uint8(images: Tensor) -> Tensor:
    """(B, C, H, W) in [-1, 1] -> (B, H, W, C) uint8, rounded; out of range is clipped."""
    pixels = images.float().add(1).mul(127.5).round().clamp(0, 255)
    return pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


@torch.inference_mode()
def synthesize(generator: Generator, latents: Tensor, labels: Tensor | None = None) -> np.ndarray:
    """(N, latent_dim) latents, (N,) labels of a conditional one -> (N, H, W, C) uint8 pictures.

    In float32. Every forward pass has the same shape, the last one padded, so that a picture does
    not depend on how many others are asked for.
    """
    device = next(generator.parameters()).device
    pictures = []
    for start in range(0, len(latents), BATCH):
        part = latents[start : start + BATCH]
        padded = torch.zeros(BATCH, latents.shape[1])
        padded[: len(part)] = part
        classes = None
        if labels is not None:
            classes = torch.zeros(BATCH, dtype=torch.int64)
            classes[: len(part)] = labels[start : start + BATCH]
            classes = classes.to(device)
        images = generator(padded.to(device), classes)
        pictures.append(to_uint8(images)[: len(part)].cpu().numpy())
    return np.concatenate(pictures)
