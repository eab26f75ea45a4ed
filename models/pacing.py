"""Even speed: where on a path frames have to lie, for the picture to change as much at each step.

Along a great circle at one speed a face may stand still and then turn into another within three
frames. Change is measured as in the embedding: Karras et al., "A Style-Based Generator
Architecture" (arXiv 1812.04948), call its mean the perceptual path length.
"""

import numpy as np
from numpy.typing import NDArray

LEAST_PROBES, PROBES = 16, 128  # of one segment; of a path, where that is more
LEAST_CHANGE = 0.1  # of the mean: where nothing changes, some frames are spent all the same


def probe_places(segments: int) -> list[float]:
    """Evenly spaced places from 0 to `segments`, at which the pictures are to be looked at."""
    steps = segments * max(LEAST_PROBES, PROBES // segments)
    return [step * segments / steps for step in range(steps + 1)]


def even_places(
    features: NDArray[np.float32], segments: int, frames: int, loop: bool
) -> list[float]:
    """The places of `frames` frames, 0 and, unless it is a loop, `segments` among them.

    `features`: (P, F), the embeddings of the pictures at `probe_places(segments)`.
    """
    changes = np.linalg.norm(np.diff(features.astype(np.float64), axis=0), axis=1)
    mean = changes.mean()
    changes = np.maximum(changes, LEAST_CHANGE * mean) if mean > 0 else np.ones_like(changes)
    passed = np.concatenate([[0.0], np.cumsum(changes)])
    wanted = np.linspace(0, passed[-1], frames + 1 if loop else frames)[:frames]
    places: list[float] = np.interp(wanted, passed, probe_places(segments)).tolist()
    return places
