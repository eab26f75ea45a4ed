"""How alike two images look, differentiable: the project's embedding, its inner features, pixels.

The inner features are compared as in LPIPS (Zhang et al., arXiv 1801.03924), without its learnt
weights: each position's features have unit length.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from models.precision import native_bfloat16
from models.scoring.embedding import WEIGHTS, Convolution, read_network
from models.scoring.embedding_definition import BACKGROUND, SIDE

INNER_LAYERS = (1, 3, 6)  # indices of the embedding's layers: 32, 16 and 8 pixels wide
# Shares of the loss. An embedding alone leaves colours and places free; pixels alone blur.
EMBEDDING_WEIGHT, INNER_WEIGHT, PIXEL_WEIGHT = 1.0, 1.0, 0.5


class Appearance(NamedTuple):
    """What is compared of images: unit embeddings (B, 128), inner features, and small pixels."""

    embedding: Tensor
    inner: list[Tensor]  # each (B, C, H, W), of unit length at each position
    pixels: Tensor  # (B, 3, 64, 64) in [-1, 1]

    def expand(self, restarts: int) -> "Appearance":
        """Repeat each image `restarts` times."""
        return Appearance(
            self.embedding.repeat_interleave(restarts, 0),
            [features.repeat_interleave(restarts, 0) for features in self.inner],
            self.pixels.repeat_interleave(restarts, 0),
        )

    def select(self, indices: Tensor) -> "Appearance":
        return Appearance(
            self.embedding[indices],
            [features[indices] for features in self.inner],
            self.pixels[indices],
        )


class Perception:
    """The embedding network; gradients flow to the images, not to its weights."""

    def __init__(self, device: torch.device) -> None:
        self._dtype = torch.bfloat16 if native_bfloat16(device) else torch.float32
        network = read_network(WEIGHTS).to(device).eval().requires_grad_(False)
        for module in network.modules():
            if isinstance(module, Convolution):
                module.fold()
        network.layers.to(self._dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = network

    def appearance(self, images: Tensor) -> Appearance:
        """(B, C, H, W) in [-1, 1], C of 1, 3 or 4."""
        pixels = small_colours(images)
        features, inner = pixels.to(self._dtype), []
        for index, layer in enumerate(self._network.layers):
            features = layer(features)
            if index in INNER_LAYERS:
                inner.append(F.normalize(features.float(), dim=1, eps=1e-3))
        pooled = features.float().mean((2, 3))
        return Appearance(F.normalize(self._network.features(pooled), dim=1), inner, pixels)


def small_colours(images: Tensor) -> Tensor:
    """(B, C, H, W) in [-1, 1] -> (B, 3, 64, 64): opaque, three channels, resized by area."""
    images = images.float().clamp(-1, 1)
    if images.shape[1] == 4:
        opacity = images[:, 3:].add(1).div(2)
        images = images[:, :3] * opacity + (BACKGROUND / 127.5 - 1) * (1 - opacity)
    if images.shape[2:] != (SIDE, SIDE):
        images = F.interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=True)
    return images.expand(-1, 3, -1, -1)


def dissimilarity(a: Appearance, b: Appearance) -> Tensor:
    """The loss of each pair, (B,): 0 for equal images."""
    inner = torch.stack(
        [(x - y).square().sum(1).mean((1, 2)) for x, y in zip(a.inner, b.inner, strict=True)]
    )
    return (
        EMBEDDING_WEIGHT * (a.embedding - b.embedding).square().sum(1)
        + INNER_WEIGHT * inner.mean(0)
        + PIXEL_WEIGHT * (a.pixels - b.pixels).square().mean((1, 2, 3))
    )
