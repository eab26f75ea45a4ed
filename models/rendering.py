"""One loaded generator, made to give every sample the same pixels whatever stands beside it."""

import threading
import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from models.checkpoint import LoadedGenerator
from models.images import to_uint8
from models.latents import latent_from_seed
from models.samples import BATCH, Pixels, Point, Sample

_tracing = threading.Lock()  # warnings are the process's, and checkpoints are loaded in threads
WARM_UP = 3  # calls, after which PyTorch has settled on how to run what it has traced


class Renderer:
    """Latents, and labels where it has classes, to pixels on the CPU, in float32.

    bfloat16 would take half the time where the CPU has it, but differs by two or three levels
    from what float32 gives elsewhere: one seed would be two pictures.
    """

    def __init__(self, loaded: LoadedGenerator) -> None:
        self._latent_dim = loaded.config.latent_dim
        self._conditional = loaded.config.conditional
        generator = loaded.generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._generator = _compiled(generator, *self._inputs())

    @torch.inference_mode()
    def render(self, samples: list[Sample]) -> Pixels:
        """At most BATCH samples -> (len(samples), H, W, C), always by a forward pass of BATCH.

        Kernels are chosen by shape: only one shape gives one picture the same bytes in every slot.
        """
        latents, *labels = self._inputs()
        for slot, sample in enumerate(samples):
            latents[slot] = self._latent(sample.point)
            if labels and sample.label is not None:
                labels[0][slot] = sample.label
        images = self._generator(latents, *labels)
        pixels: Pixels = to_uint8(images[: len(samples)]).numpy()
        if pixels.shape[3] == 4:
            # Colours that nobody sees: an animated WebP loses them, and every file shall agree.
            pixels[pixels[..., 3] == 0] = 0
        return pixels

    def _inputs(self) -> list[torch.Tensor]:
        """The latents of a batch, and where there are classes its labels; all zeros."""
        latents = torch.zeros(BATCH, self._latent_dim)
        return [latents, torch.zeros(BATCH, dtype=torch.int64)] if self._conditional else [latents]

    def _latent(self, point: Point) -> torch.Tensor:
        if isinstance(point, np.ndarray):
            return torch.from_numpy(point)
        return latent_from_seed(point, self._latent_dim)


@torch.inference_mode()
def _compiled(generator: nn.Module, *inputs: torch.Tensor) -> Callable[..., torch.Tensor]:
    """The generator as one call into C++, its weights constants; the same bits.

    Layer by layer Python takes its lock back after each, and waits for whoever else runs: beside a
    busy event loop a batch took 95 ms, as one call 15. PyTorch would rather have `torch.compile`
    used, which needs a C++ compiler on the machine.
    """
    with _tracing, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        # Of what would not hold for another shape than that of the batch.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        compiled: Callable[..., torch.Tensor] = torch.jit.freeze(
            torch.jit.trace(generator, inputs, check_trace=False)
        )
    for _ in range(WARM_UP):
        compiled(*inputs)
    return compiled
