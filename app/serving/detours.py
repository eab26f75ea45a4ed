"""Detours of a morph around poor images: a segment is bent where the quality of its images is low.

The bend leads towards indexed samples that look like the poorest image of the segment and are of
high quality. It depends only on the path, the checkpoint and its sample index.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.recipes import shortest_decimals
from app.serving.engine import Engine
from app.serving.morph_latents import embed_latents
from models.latents import Bend, LatentPath
from models.samples import Features, Vector
from models.scoring.sample_index import SampleIndex, nearest
from models.seeds import latents_from_seeds

PROBES = 15  # images of a segment, between its keyframes
EDGE_PROBES = 2  # at each end: a bend that reached its full width there would be abrupt
TARGET_QUALITY = 80.0  # of the samples that a bend leads towards
TARGETS = 16  # samples, of which one image each is generated
PATHS = 4  # of the best of them, PROBES images each are generated
ANGLE = 0.8  # radians by which the latent is turned towards a sample
# A path of twice the length must have a lowest quality that is higher by so much.
LENGTH_COST = 10.0

Qualities = NDArray[np.float32]  # (N,)


class Detour(NamedTuple):
    """The bends of a path, and the lowest quality of the images between its keyframes: with the
    bends (`bent`), and without (`direct`)."""

    bends: list[Bend]
    bent: float
    direct: float


class _Segment(NamedTuple):
    latents: list[Vector]  # PROBES
    features: Features
    qualities: Qualities
    length: float


async def find_detour(
    engine: Engine,
    checkpoint: GeneratorCheckpoint,
    path: LatentPath,
    label: int | None,
    index: SampleIndex,
    below: float,
) -> Detour:
    """Bend each segment of the path, which has no bends, that has an image of a quality `below`.

    A segment stays as it is where no bend helps. For each segment PROBES images are generated, and
    TARGETS + PATHS * PROBES for each that has a poor one. Raises what `Engine.generate` raises.
    """
    bends: list[Bend] = []
    bent, direct = list[float](), list[float]()
    for number in range(path.segments):
        segment = await _measure(engine, checkpoint, path, number, label, index)
        lowest = float(segment.qualities.min())
        direct.append(lowest)
        if lowest < below:
            improvement = await _bend(engine, checkpoint, path, number, segment, label, index)
            if improvement is not None:
                bend, lowest = improvement
                bends.append(bend)
        bent.append(lowest)
    return Detour(bends, min(bent), min(direct))


async def _bend(
    engine: Engine,
    checkpoint: GeneratorCheckpoint,
    path: LatentPath,
    number: int,
    segment: _Segment,
    label: int | None,
    index: SampleIndex,
) -> tuple[Bend, float] | None:
    """The best bend of the segment, and its lowest quality; None if no bend helps."""
    poorest = int(np.argmin(segment.qualities))
    peak = min(max(poorest, EDGE_PROBES), PROBES - 1 - EDGE_PROBES)
    latent, features = segment.latents[peak], segment.features[peak]
    offsets = await to_thread.run_sync(_offsets, index, label, latent, features)
    if not offsets:
        return None
    peaks = [(latent + offset).astype(np.float32) for offset in offsets]
    qualities = await _qualities(index, await embed_latents(engine, checkpoint, peaks, label))
    best, score = None, float(segment.qualities.min())
    for candidate in np.argsort(-qualities, kind="stable")[:PATHS]:
        bend = Bend(number, (peak + 1) / (PROBES + 1), offsets[candidate])
        bent = await _measure(engine, checkpoint, path.bent([bend]), number, label, index)
        lowest = float(bent.qualities.min())
        longer = bent.length / segment.length - 1
        if lowest - LENGTH_COST * longer > score:
            best, score = (bend, lowest), lowest - LENGTH_COST * longer
    return best


async def _measure(
    engine: Engine,
    checkpoint: GeneratorCheckpoint,
    path: LatentPath,
    number: int,
    label: int | None,
    index: SampleIndex,
) -> _Segment:
    positions = [number + step / (PROBES + 1) for step in range(PROBES + 2)]
    latents = await to_thread.run_sync(path.at_positions, positions)
    length = float(np.linalg.norm(np.diff(latents.astype(np.float64), axis=0), axis=1).sum())
    between = list(latents[1:-1])
    features = await embed_latents(engine, checkpoint, between, label)
    return _Segment(between, features, await _qualities(index, features), max(length, 1e-9))


async def _qualities(index: SampleIndex, features: Features) -> Qualities:
    assert index.reference is not None
    return index.quality(await to_thread.run_sync(index.reference.realism, features))


def _offsets(
    index: SampleIndex, label: int | None, latent: Vector, features: NDArray[np.float32]
) -> list[Vector]:
    """The displacements (D,) that turn the latent by ANGLE towards each of the good samples whose
    images are most like the image with these `features`."""
    good = index.qualities >= TARGET_QUALITY
    if label is not None and index.labels is not None:
        good &= index.labels == label
    rows = nearest(index.feature_distances(features), good, TARGETS)
    seeds = [index.seeds[int(row)] for row in rows]
    start = latent.astype(np.float64)
    length = float(np.linalg.norm(start))
    if not seeds or length == 0:
        return []
    start /= length
    offsets = []
    for target in latents_from_seeds(seeds, len(latent)).astype(np.float64):
        across = target - (target @ start) * start
        width = float(np.linalg.norm(across))
        if width > 0:
            turned = math.cos(ANGLE) * start + math.sin(ANGLE) / width * across
            offsets.append((length * (turned - start)).astype(np.float32))
    return offsets


def bends_recipe(bends: Sequence[Bend]) -> dict[str, Any]:
    """The field that the bends of a path add to a recipe: none without any."""
    if not bends:
        return {}
    fields = [
        {
            "segment": bend.segment,
            "position": bend.position,
            "offset": shortest_decimals(bend.offset),
        }
        for bend in bends
    ]
    return {"bends": fields}
