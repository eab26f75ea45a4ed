"""The losses of the original GAN on logits: Goodfellow et al. (arXiv 1406.2661), section 3.

The generator maximises log D(G(z)) instead of minimising log(1 − D(G(z))): the non-saturating
form, as DCGAN (arXiv 1511.06434) trains with it. Logits are (B,) float32; each loss is a mean.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def generator_loss(fake_logits: Tensor) -> Tensor:
    """−log σ(D(G(z))): binary cross-entropy of the fakes against "real"."""
    return F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """−log σ(D(x)) − log(1 − σ(D(G(z)))): summed, not averaged, over the two kinds."""
    real = F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
    fake = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    return real + fake
