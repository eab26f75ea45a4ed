"""One loaded generator, made to give every latent the same pixels whatever stands beside it."""

import numpy as np
import torch

from app.serving.batches import BATCH, Pixels, Point
from models.checkpoint import LoadedGenerator
from models.images import to_uint8
from models.latents import latent_from_seed


class Renderer:
    """Latents to pixels on the CPU, in float32.

    bfloat16 would take half the time where the CPU has it, but differs by two or three levels
    from what float32 gives elsewhere: one seed would be two pictures.
    """

    def __init__(self, loaded: LoadedGenerator) -> None:
        self._latent_dim = loaded.config.latent_dim
        self._generator = loaded.generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def render(self, points: list[Point]) -> Pixels:
        """At most BATCH points -> (len(points), H, W, C), always by a forward pass of BATCH.

        Kernels are chosen by shape: only one shape gives one picture the same bytes in every slot.
        """
        latents = torch.zeros(BATCH, self._latent_dim)
        for slot, point in enumerate(points):
            latents[slot] = self._latent(point)
        images = self._generator(latents)[: len(points)]
        pixels: Pixels = to_uint8(images).numpy()
        return pixels

    def _latent(self, point: Point) -> torch.Tensor:
        if isinstance(point, np.ndarray):
            return torch.from_numpy(point)
        return latent_from_seed(point, self._latent_dim)
