"""The images that every peer serves: those of the service for the same seeds, computed by PyTorch.

They differ from the service's by at most one level, since another backend computes them.
"""

import io
import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# Set before torch is imported: with its default, threads that wait keep the cores busy.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from app.domain.images.png import write_png
from benchmarks.peers.assignment import Assignment
from models.checkpoint import load_generator
from models.rendering import to_uint8
from models.seeds import latents_from_seeds

Forward = Callable[[torch.Tensor], torch.Tensor]
# As in app.domain.images.encoders, which would need the service's other packages.
RECIPE_KEY = "moggy"


class PeerImages:
    """Makes PNG files from seeds, with the checkpoint and setting of the assignment."""

    def __init__(self, assignment: Assignment) -> None:
        setting = assignment.setting
        torch.set_num_threads(setting.threads)
        loaded = load_generator(Path(assignment.file))
        self._latent_dim, self._recipe = loaded.config.latent_dim, assignment.recipe
        self._generator = GENERATORS[setting.generator](loaded.generator, self._latent_dim)
        self._encode = ENCODERS[setting.encoder]
        for count in (1, setting.batch) * 3:  # until torch has optimised both sizes
            self(range(count))

    @torch.inference_mode()
    def __call__(self, seeds: Sequence[int]) -> list[bytes]:
        latents = latents_from_seeds(seeds, self._latent_dim)
        images = to_uint8(self._generator(torch.from_numpy(latents))).numpy()
        return [
            self._encode(pixels, {**self._recipe, "seed": seed})
            for seed, pixels in zip(seeds, images, strict=True)
        ]


def _eager(generator: torch.nn.Module, _latent_dim: int) -> Forward:
    return generator


def _compiled(generator: torch.nn.Module, _latent_dim: int) -> Forward:
    forward: Forward = torch.compile(generator, dynamic=True)
    return forward


@torch.inference_mode()
def _frozen(generator: torch.nn.Module, latent_dim: int) -> Forward:
    """The fastest form of PyTorch: one call into C++, for batches of any size."""
    generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(generator, torch.zeros(2, latent_dim), check_trace=False)
        forward: Forward = torch.jit.freeze(traced)
        return forward


def _encoded_by_pillow(pixels: NDArray[np.uint8], _recipe: Mapping[str, Any]) -> bytes:
    """A PNG as `Image.save` writes it by default, without a recipe."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _encoded_as_by_the_service(pixels: NDArray[np.uint8], recipe: Mapping[str, Any]) -> bytes:
    return write_png(pixels, {RECIPE_KEY: json.dumps(recipe, separators=(",", ":"))})


GENERATORS = {"eager": _eager, "compiled": _compiled, "frozen": _frozen}
ENCODERS = {"pillow": _encoded_by_pillow, "service": _encoded_as_by_the_service}
