"""The latents of a morph's frames, and the frames' spacing when the image is to change evenly.

At constant speed along a great circle a face may stand still and then turn into another within
three frames. The `even` easing places the frames so that each changes the image by the same amount,
measured in the embedding. Karras et al., "A Style-Based Generator Architecture" (arXiv 1812.04948),
call the mean of this change the perceptual path length.
"""

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from functools import partial

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.serving.engine import Engine
from app.serving.latents import vector_of
from models.latents import Bend, LatentPath, latent_path, truncate
from models.samples import Features, Point, Sample, Vector
from models.seeds import Latents

MIN_SEGMENT_PROBES = 16  # probes of one segment
MIN_PATH_PROBES = 128  # probes of a whole path
# Each probe step counts as at least this share of the mean change: a still part gets some frames.
MIN_CHANGE_SHARE = 0.1


async def frame_latents(
    engine: Engine,
    checkpoint: GeneratorCheckpoint,
    keyframes: list[Point],
    label: int | None,
    *,
    frames: int,
    method: str,
    easing: str,
    loop: bool,
    truncation: float,
    bends: Sequence[Bend] = (),
) -> list[Vector]:
    """`frames` latents along a path through the truncated keyframes, with these bends.

    The first latent is the first keyframe, bit for bit; unless the path is a loop, the last latent
    is the last keyframe. The easing `even` generates pictures along the path to measure how much
    they change. Raises what `Engine.generate` raises.
    """
    points = keyframe_vectors(checkpoint, keyframes, truncation)
    if easing != "even":
        computing = partial(latent_path, points, frames, method, easing, loop, bends)
        return list(await to_thread.run_sync(computing))
    path = LatentPath(points, method, loop, bends)
    probes = await to_thread.run_sync(path.at_positions, probe_positions(path.segments))
    features = await embed_latents(engine, checkpoint, probes, label)
    positions = even_positions(features, path.segments, frames, loop)
    return list(await to_thread.run_sync(path.at_positions, positions))


def keyframe_vectors(
    checkpoint: GeneratorCheckpoint, keyframes: list[Point], truncation: float
) -> Latents:
    """The truncated latents of the keyframes: (K, D)."""
    vectors = np.stack([vector_of(point, checkpoint.latent_dim) for point in keyframes])
    return truncate(vectors, truncation)


async def evenness(
    engine: Engine,
    checkpoint: GeneratorCheckpoint,
    latents: Iterable[Vector],
    label: int | None,
    loop: bool,
) -> float:
    """The largest change from one frame to the next divided by the mean: 1 is perfectly even.

    Generates and embeds the frames. A loop changes from its last frame to its first too. Raises
    what `Engine.generate` raises.
    """
    features = await embed_latents(engine, checkpoint, latents, label)
    changes = _changes(np.concatenate([features, features[:1]]) if loop else features)
    mean = float(changes.mean())
    return float(changes.max()) / mean if mean > 0 else 1.0


async def embed_latents(
    engine: Engine, checkpoint: GeneratorCheckpoint, latents: Iterable[Vector], label: int | None
) -> Features:
    """The embeddings of the images of N latents: (N, F). Raises what `Engine.generate` raises."""
    samples = [Sample(latent, label) for latent in latents]
    async with aclosing(engine.slices(checkpoint, samples)) as slices:
        features = [await engine.embedding_thread.embed(pixels) async for pixels in slices]
    return np.concatenate(features)


def _changes(features: Features) -> NDArray[np.float64]:
    """(P, F) -> (P - 1,): the distance from each embedding to the next."""
    changes: NDArray[np.float64] = np.linalg.norm(
        np.diff(features.astype(np.float64), axis=0), axis=1
    )
    return changes


def probe_positions(segments: int) -> list[float]:
    """Evenly spaced positions from 0 to `segments`, at which the images are embedded."""
    steps = segments * max(MIN_SEGMENT_PROBES, MIN_PATH_PROBES // segments)
    return [step * segments / steps for step in range(steps + 1)]


def even_positions(features: Features, segments: int, frames: int, loop: bool) -> list[float]:
    """The positions of `frames` frames between which the image changes by equal amounts.

    The first position is 0; the last is `segments`, unless the path is a loop.
    `features`: (P, F), the embeddings of the images at `probe_positions(segments)`.
    """
    changes = _changes(features)
    mean = changes.mean()
    changes = np.maximum(changes, MIN_CHANGE_SHARE * mean) if mean > 0 else np.ones_like(changes)
    passed = np.concatenate([[0.0], np.cumsum(changes)])
    distances = np.linspace(0, passed[-1], frames + 1 if loop else frames)[:frames]
    positions: list[float] = np.interp(distances, passed, probe_positions(segments)).tolist()
    return positions
