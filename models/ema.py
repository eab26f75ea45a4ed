"""The generator that is served: an average of the trained one, with BatchNorm made to fit it.

Averaging by half-life in images with a ramp-up: Karras et al. (arXiv 2006.06676), appendix B.
"""

import copy

import torch
from torch import nn

from models.networks import Generator
from models.randomness import random_stream

RAMP_UP = 0.05  # early on, the half-life is never above this share of the images seen
STATISTICS_BATCH = 64
STATISTICS_BATCHES = 16


class GeneratorAverage:
    """An exponential moving average of a generator's weights."""

    def __init__(self, generator: Generator, half_life_images: int) -> None:
        self.generator = copy.deepcopy(generator).eval().requires_grad_(False)
        self.half_life_images = half_life_images

    @torch.no_grad()
    def update(self, generator: Generator, images_seen: int, images: int) -> None:
        """Move towards the weights that a step of `images` has led to."""
        half_life = min(self.half_life_images, RAMP_UP * images_seen)
        decay = 0.5 ** (images / half_life) if half_life > 0 else 0.0
        pairs = zip(self.generator.parameters(), generator.parameters(), strict=True)
        for average, current in pairs:
            average.lerp_(current, 1 - decay)


@torch.no_grad()
def reestimated(generator: Generator) -> Generator:
    """A copy in eval mode whose BatchNorm statistics are its own, over 1,024 fixed latents.

    Running statistics trail the weights of training, and an average's belong to nobody. Computed
    in float32; neither `generator` nor any random state is touched.
    """
    served = copy.deepcopy(generator).requires_grad_(False).train()
    norms = [module for module in served.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    random = random_stream(0, "batchnorm statistics")
    device = next(served.parameters()).device
    for _ in range(STATISTICS_BATCHES):
        latents = torch.randn(STATISTICS_BATCH, served.latent_dim, generator=random)
        served(latents.to(device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return served.eval()
