"""From latents to pixels with PyTorch, for training and scores; `models.onnx_generator` serves."""

import numpy as np
import torch
from torch import Tensor

from models.networks.network import Generator
from models.seeds import Latents

SYNTHESIS_BATCH = 64  # images per forward pass of `synthesize`


def to_uint8(images: Tensor) -> Tensor:
    """(B, C, H, W) in [-1, 1] -> (B, H, W, C) uint8, rounded; values out of range are clipped."""
    pixels = images.float().add(1).mul(127.5).round().clamp(0, 255)
    return pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


@torch.inference_mode()
def synthesize(generator: Generator, latents: Latents, labels: Tensor | None = None) -> np.ndarray:
    """(N, latent_dim) latents -> (N, H, W, C) uint8 images, computed in float32.

    A conditional generator needs `labels`, (N,). Every forward pass has the same shape, the last
    one padded, so that an image does not depend on how many others are generated.
    """
    device = next(generator.parameters()).device
    batches = []
    for start in range(0, len(latents), SYNTHESIS_BATCH):
        part = torch.from_numpy(latents[start : start + SYNTHESIS_BATCH])
        padded = torch.zeros(SYNTHESIS_BATCH, latents.shape[1])
        padded[: len(part)] = part
        padded_labels = None
        if labels is not None:
            padded_labels = torch.zeros(SYNTHESIS_BATCH, dtype=torch.int64)
            padded_labels[: len(part)] = labels[start : start + SYNTHESIS_BATCH]
            padded_labels = padded_labels.to(device)
        images = generator(padded.to(device), padded_labels)
        batches.append(to_uint8(images)[: len(part)].cpu().numpy())
    return np.concatenate(batches)
