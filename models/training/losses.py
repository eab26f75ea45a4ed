"""The losses of GANs, each a mean over (B,) float32 logits, and the penalties on the gradient of
the discriminator with respect to its images.

`smoothing` lowers the target of the real images from 1: one-sided label smoothing, Salimans et al.
(arXiv 1606.03498), section 3.4. Losses without targets ignore it.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from models.networks.network import Discriminator


class Loss(NamedTuple):
    """The two losses of a GAN; `boundary` is the logit between real and fake.

    `boundary` is None for losses in which only the difference of two logits has a meaning.
    """

    generator: Callable[[Tensor, Tensor], Tensor]  # of (real, fake) logits
    discriminator: Callable[[Tensor, Tensor, float], Tensor]  # of (real, fake, smoothing)
    boundary: float | None = 0.0


def minimax_generator(_real: Tensor, fake: Tensor) -> Tensor:
    """log(1 − D(G(z))): Goodfellow et al. (arXiv 1406.2661), equation 1."""
    return -F.softplus(fake).mean()


def non_saturating_generator(_real: Tensor, fake: Tensor) -> Tensor:
    """−log D(G(z)): Goodfellow et al. (arXiv 1406.2661), section 3, as DCGAN trains."""
    return F.softplus(-fake).mean()


def cross_entropy_discriminator(real: Tensor, fake: Tensor, smoothing: float) -> Tensor:
    """−log D(x) − log(1 − D(G(z))): Goodfellow et al. (arXiv 1406.2661), equation 1."""
    return real_cross_entropy(real, smoothing) + fake_cross_entropy(fake)


def real_cross_entropy(real: Tensor, smoothing: float) -> Tensor:
    """Binary cross-entropy of real images with the target 1 − smoothing."""
    target = torch.full_like(real, 1 - smoothing)
    return F.binary_cross_entropy_with_logits(real, target)


def fake_cross_entropy(fake: Tensor) -> Tensor:
    """Binary cross-entropy of generated images with the target 0."""
    return F.softplus(fake).mean()


def least_squares_generator(_real: Tensor, fake: Tensor) -> Tensor:
    """(D(G(z)) − 1)² / 2: Mao et al. (arXiv 1611.04076), equation 9."""
    return (fake - 1).square().mean() / 2


def least_squares_discriminator(real: Tensor, fake: Tensor, smoothing: float) -> Tensor:
    """((D(x) − 1)² + D(G(z))²) / 2: Mao et al. (arXiv 1611.04076), equation 9."""
    return ((real - 1 + smoothing).square().mean() + fake.square().mean()) / 2


def hinge_discriminator(real: Tensor, fake: Tensor, _smoothing: float) -> Tensor:
    """max(0, 1 − D(x)) + max(0, 1 + D(G(z))): Lim and Ye (arXiv 1705.02894), section 2."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def wasserstein_generator(_real: Tensor, fake: Tensor) -> Tensor:
    """−D(G(z)): Arjovsky et al. (arXiv 1701.07875), and the generator's hinge loss."""
    return -fake.mean()


def wasserstein_discriminator(real: Tensor, fake: Tensor, _smoothing: float) -> Tensor:
    """D(G(z)) − D(x): Arjovsky et al. (arXiv 1701.07875), equation 2."""
    return fake.mean() - real.mean()


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """softplus(D(x) − D(G(z))) for pairs: Jolicoeur-Martineau (arXiv 1807.00734), section 4."""
    return F.softplus(real - fake).mean()


def relativistic_discriminator(real: Tensor, fake: Tensor, _smoothing: float) -> Tensor:
    """softplus(D(G(z)) − D(x)) for pairs: Jolicoeur-Martineau (arXiv 1807.00734), section 4."""
    return F.softplus(fake - real).mean()


LOSSES = {
    "minimax": Loss(minimax_generator, cross_entropy_discriminator),
    "non_saturating": Loss(non_saturating_generator, cross_entropy_discriminator),
    "least_squares": Loss(least_squares_generator, least_squares_discriminator, 0.5),
    "hinge": Loss(wasserstein_generator, hinge_discriminator),
    "wasserstein": Loss(wasserstein_generator, wasserstein_discriminator, None),
    "relativistic": Loss(relativistic_generator, relativistic_discriminator, None),
}


class SplitLoss(NamedTuple):
    """A discriminator's loss as two terms, for separate updates on reals and on fakes."""

    real: Callable[[Tensor, float], Tensor]
    fake: Callable[[Tensor], Tensor]


SPLIT_LOSSES = {
    "minimax": SplitLoss(real_cross_entropy, fake_cross_entropy),
    "non_saturating": SplitLoss(real_cross_entropy, fake_cross_entropy),
    "least_squares": SplitLoss(
        lambda real, smoothing: (real - 1 + smoothing).square().mean() / 2,
        lambda fake: fake.square().mean() / 2,
    ),
}


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
