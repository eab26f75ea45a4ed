"""The latents of a morph's frames."""

from contextlib import aclosing
from typing import TYPE_CHECKING

import numpy as np
from anyio import to_thread

from app.domain.images.checkpoint import ServedCheckpoint
from app.serving.engine import Engine
from app.serving.latents import draw
from models.samples import Point, Sample, Vector

if TYPE_CHECKING:
    from torch import Tensor  # loaded when it is first needed


async def walk(
    engine: Engine,
    checkpoint: ServedCheckpoint,
    keyframes: list[Point],
    label: int | None,
    *,
    frames: int,
    method: str,
    easing: str,
    loop: bool,
) -> list[Vector]:
    """`frames` latents along the keyframes, the first of which is the first keyframe, and unless
    it is a loop the last is the last, bit for bit.

    `even` looks at the pictures on the way first. Raises what `Engine.generate` raises.
    """
    points = await to_thread.run_sync(_points, keyframes, checkpoint.latent_dim)
    if easing != "even":
        return await to_thread.run_sync(_paced, points, frames, method, easing, loop)
    from models.pacing import even_places, probe_places

    segments = len(keyframes) if loop else len(keyframes) - 1
    probes = await to_thread.run_sync(_at, points, probe_places(segments), method)
    samples = [Sample(latent, label) for latent in probes]
    async with aclosing(engine.slices(checkpoint, samples)) as slices:
        features = [await engine.passports.embed(pixels) async for pixels in slices]
    places = even_places(np.concatenate(features), segments, frames, loop)
    return await to_thread.run_sync(_at, points, places, method)


def _points(keyframes: list[Point], latent_dim: int) -> "Tensor":
    import torch

    return torch.from_numpy(np.stack([draw(point, latent_dim) for point in keyframes]))


def _paced(points: "Tensor", frames: int, method: str, easing: str, loop: bool) -> list[Vector]:
    from models.latents import latent_path

    return list(latent_path(points, frames, method, easing, loop).numpy())


def _at(points: "Tensor", places: list[float], method: str) -> list[Vector]:
    from models.latents import latents_at

    return list(latents_at(points, places, method).numpy())
