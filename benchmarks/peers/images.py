"""The images that every peer serves: the same files as the service makes for the same seeds.

The generator is frozen as in the service, and the encoder writes the same recipe. A peer's forward
pass has the size of its batch, where the service always uses RENDER_BATCH: a peer does not promise
that an image has the same bytes in every batch.
"""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

# Set before torch is imported, as in the processes of the service.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import encode_png
from app.domain.images.recipes import image_recipe
from benchmarks.peers.assignment import Assignment
from models.checkpoint import load_generator
from models.rendering import to_uint8
from models.samples import Sample
from models.seeds import latents_from_seeds


class PeerImages:
    """Makes PNG files from seeds, with the checkpoint and setting of the assignment."""

    def __init__(self, assignment: Assignment) -> None:
        torch.set_num_threads(assignment.setting.threads)
        shape, classes = (tuple(assignment.checkpoint[name]) for name in ("shape", "classes"))
        fields = dict(assignment.checkpoint) | {"shape": shape, "classes": classes}
        self._checkpoint = GeneratorCheckpoint(**fields)
        loaded = load_generator(Path(assignment.file))
        self._generator = _frozen(loaded.generator, self._checkpoint.latent_dim)
        for count in (1, assignment.setting.batch) * 3:  # until torch has optimised both sizes
            self(range(count))

    @torch.inference_mode()
    def __call__(self, seeds: Sequence[int]) -> list[bytes]:
        latents = latents_from_seeds(seeds, self._checkpoint.latent_dim)
        images = to_uint8(self._generator(torch.from_numpy(latents))).numpy()
        return [
            encode_png(pixels, image_recipe(self._checkpoint, Sample(seed)))
            for seed, pixels in zip(seeds, images, strict=True)
        ]


@torch.inference_mode()
def _frozen(generator: torch.nn.Module, latent_dim: int) -> torch.jit.ScriptModule:
    """Freeze the generator as models.rendering does, but for batches of any size."""
    generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(generator, torch.zeros(2, latent_dim), check_trace=False)
        return torch.jit.freeze(traced)
