"""Penalties on the discriminator's gradient with respect to its images."""

import torch
from torch import Tensor

from models.networks.network import Discriminator


def squared_gradient(logits: Tensor, images: Tensor) -> Tensor:
    """E ‖∇D(x)‖² / 2 over (B, C, H, W) images: Mescheder et al. (arXiv 1801.04406), equation 9.

    It is R1 on real images and R2 on generated ones; the caller multiplies it by γ.
    """
    return _gradients(logits, images).square().sum((1, 2, 3)).mean() / 2


def gradient_penalty(
    discriminator: Discriminator,
    reals: Tensor,
    fakes: Tensor,
    labels: Tensor | None,
    mix: Tensor,
) -> Tensor:
    """E (‖∇D(x̂)‖ − 1)²: Gulrajani et al. (arXiv 1704.00028), equation 3.

    Each x̂ lies on the line from a fake (0) to a real image (1), at its `mix` (B,) in [0, 1).
    """
    between = torch.lerp(fakes.detach(), reals.detach(), mix[:, None, None, None])
    between.requires_grad_()
    gradients = _gradients(discriminator(between, labels), between)
    return (gradients.square().sum((1, 2, 3)).add(1e-12).sqrt() - 1).square().mean()


def _gradients(logits: Tensor, images: Tensor) -> Tensor:
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradients.float()
