"""The interfaces of all generators and all discriminators."""

import torch
from torch import Tensor, nn


class Generator(nn.Module):
    """(B, latent_dim) normal latents and (B,) labels -> (B, C, H, W) float32 images in [-1, 1].

    Only r3gan's values may lie outside; conversion to pixels clips them. `labels` is None where
    `classes` is 0. A class is an embedding of the same length as the latent.
    """

    def __init__(self, latent_dim: int, classes: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.classes = classes
        self.embedding = nn.Embedding(classes, latent_dim) if classes else None
        self.input_dim = latent_dim * 2 if classes else latent_dim

    def embed(self, labels: Tensor | None) -> Tensor:
        """(B,) labels -> (B, latent_dim) embeddings of the classes."""
        assert self.embedding is not None
        assert labels is not None, "a conditional generator needs labels"
        embedded: Tensor = self.embedding(labels)
        return embedded

    def inputs(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """(B, input_dim): the latents, followed by the embeddings of the classes."""
        if self.embedding is None:
            return latents
        return torch.cat([latents, self.embed(labels)], dim=1)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        raise NotImplementedError


class Discriminator(nn.Module):
    """(B, C, H, W) images in [-1, 1] and (B,) labels -> (B,) float32 logits; high means real.

    A class adds the inner product of its embedding with the features: projection, Miyato and
    Koyama (arXiv 1802.05637), equation 4.
    """

    def __init__(self, classes: int, features: int) -> None:
        super().__init__()
        self.classes = classes
        self.projection = nn.Embedding(classes, features) if classes else None

    def project(self, features: Tensor, labels: Tensor | None) -> Tensor | float:
        """(B, F) features -> (B,) float32, the amount that the class adds to each logit."""
        if self.projection is None:
            return 0.0
        assert labels is not None, "a conditional discriminator needs labels"
        added: Tensor = self.projection(labels) * features.float()
        return added.sum(1)

    def blocks(self) -> list[nn.Module]:
        """The blocks that fine-tuning can freeze, from the image inwards (arXiv 2002.10964)."""
        raise NotImplementedError

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        raise NotImplementedError
