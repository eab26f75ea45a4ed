"""One loaded generator, made to give every sample the same pixels whatever stands beside it."""

import numpy as np
import torch

from app.serving.batches import BATCH, Pixels, Point, Sample
from models.checkpoint import LoadedGenerator
from models.images import to_uint8
from models.latents import latent_from_seed


class Renderer:
    """Latents, and labels where it has classes, to pixels on the CPU, in float32.

    bfloat16 would take half the time where the CPU has it, but differs by two or three levels
    from what float32 gives elsewhere: one seed would be two pictures.
    """

    def __init__(self, loaded: LoadedGenerator) -> None:
        self._latent_dim = loaded.config.latent_dim
        self._conditional = loaded.config.conditional
        self._generator = loaded.generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def render(self, samples: list[Sample]) -> Pixels:
        """At most BATCH samples -> (len(samples), H, W, C), always by a forward pass of BATCH.

        Kernels are chosen by shape: only one shape gives one picture the same bytes in every slot.
        """
        latents = torch.zeros(BATCH, self._latent_dim)
        labels = torch.zeros(BATCH, dtype=torch.int64)
        for slot, sample in enumerate(samples):
            latents[slot] = self._latent(sample.point)
            if sample.label is not None:
                labels[slot] = sample.label
        images = self._generator(latents, labels if self._conditional else None)
        pixels: Pixels = to_uint8(images[: len(samples)]).numpy()
        if pixels.shape[3] == 4:
            # Colours that nobody sees: an animated WebP loses them, and every file shall agree.
            pixels[pixels[..., 3] == 0] = 0
        return pixels

    def _latent(self, point: Point) -> torch.Tensor:
        if isinstance(point, np.ndarray):
            return torch.from_numpy(point)
        return latent_from_seed(point, self._latent_dim)
