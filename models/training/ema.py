"""The served generator: an average of the trained one, with BatchNorm statistics of its own."""

import copy

import torch
from torch import Tensor, nn

from models.networks.network import Generator
from models.random_streams import random_stream

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
STATISTICS_BATCHES = 16
STATISTICS_BATCH_SIZE = 64


class GeneratorAverage:
    """An exponential moving average of a generator's weights."""

    def __init__(self, generator: Generator) -> None:
        self.generator = copy.deepcopy(generator).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, generator: Generator, decay: float) -> None:
        """Set the average to decay · average + (1 − decay) · generator."""
        averages: list[Tensor] = list(self.generator.parameters())
        current: list[Tensor] = list(generator.parameters())
        torch._foreach_lerp_(averages, current, 1 - decay)


@torch.no_grad()
def reestimated(generator: Generator) -> Generator:
    """A copy in eval mode whose BatchNorm statistics are estimated from 1,024 fixed latents.

    The running statistics of the trained generator do not fit averaged weights. Computed in
    float32; `generator` and the global random state do not change.
    """
    served = copy.deepcopy(generator).requires_grad_(False).train()
    norms = [module for module in served.modules() if isinstance(module, NORMS)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    if not norms:
        return served.eval()
    random = random_stream(0, "batchnorm statistics")
    device = next(served.parameters()).device
    for _ in range(STATISTICS_BATCHES):
        latents = torch.randn(STATISTICS_BATCH_SIZE, served.latent_dim, generator=random)
        labels = None
        if served.classes:
            labels = torch.randint(served.classes, (STATISTICS_BATCH_SIZE,), generator=random).to(
                device
            )
        served(latents.to(device), labels)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return served.eval()
