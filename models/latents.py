"""Paths through latents, and truncation. Latents are float32 arrays; paths compute in float64.

EASINGS lists the easings that need no image. The API also offers `even`, for which it computes the
positions itself and calls `latents_at`.

slerp: Shoemake, "Animating rotation with quaternion curves" (1985); for GAN latents, White,
"Sampling Generative Networks" (arXiv 1609.04468). Truncation: Brock, Donahue, Simonyan, "Large
scale GAN training" (arXiv 1809.11096), section 3.1, which resamples the values; here, as in
StyleGAN (arXiv 1812.04948, appendix B), the whole latent is scaled.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

METHODS = ("slerp", "lerp")
EASINGS = ("linear", "smooth")

Latent = NDArray[np.float32]  # (D,)
Latents = NDArray[np.float32]  # (N, D)
Precise = NDArray[np.float64]


class LatentError(ValueError):
    """The parameters of a path are invalid; the message says what is allowed."""


def truncate(latent: Latent, truncation: float) -> Latent:
    """Scale latents, (…, D), towards the origin, the centre of the shell of normal latents.

    `truncation` in (0, 1] is the factor ψ; 1 returns the latents as they are. Interpolations and
    mixes of truncated latents are the truncated interpolations and mixes. Raises LatentError.
    """
    if not 0 < truncation <= 1:
        raise LatentError(f"truncation {truncation} is out of range: above 0, at most 1")
    return latent if truncation == 1 else (latent * truncation).astype(np.float32)


def lerp(a: Latent, b: Latent, t: float) -> Latent:
    """The straight line from a (t = 0) to b (t = 1); both ends are exact bit for bit."""
    if t in (0.0, 1.0):
        return (b if t else a).copy()
    return ((1 - t) * a.astype(np.float64) + t * b.astype(np.float64)).astype(np.float32)


def slerp(a: Latent, b: Latent, t: float) -> Latent:
    """The great circle from a (t = 0) to b (t = 1); both ends are exact bit for bit.

    Parallel latents define no circle and use lerp. Opposite latents define no unique circle and use
    the one through the axis that a is least aligned with.
    """
    if t in (0.0, 1.0):
        return (b if t else a).copy()
    start, end = a.astype(np.float64), b.astype(np.float64)
    lengths = _length(start) * _length(end)
    if lengths == 0:
        return lerp(a, b, t)
    cosine = min(1.0, max(-1.0, float(start @ end) / lengths))
    angle = math.acos(cosine)
    if math.sin(angle) > 1e-6:
        weights = math.sin((1 - t) * angle), math.sin(t * angle)
        mixed = (weights[0] * start + weights[1] * end) / math.sin(angle)
        return mixed.astype(np.float32)
    if cosine > 0 or a.size == 1:
        return lerp(a, b, t)
    return _half_turn(start, end, t).astype(np.float32)


def _half_turn(start: Precise, end: Precise, t: float) -> Precise:
    direction = start / _length(start)
    axis = np.zeros_like(direction)
    axis[np.abs(direction).argmin()] = 1
    across = axis - (axis @ direction) * direction
    across /= _length(across)
    length = (1 - t) * _length(start) + t * _length(end)
    return length * (math.cos(t * math.pi) * direction + math.sin(t * math.pi) * across)


def _length(vector: Precise) -> float:
    return float(np.linalg.norm(vector))


def latent_path(
    keyframes: Latents,
    frames: int,
    method: str = "slerp",
    easing: str = "linear",
    loop: bool = False,
) -> Latents:
    """The latents of `frames` frames through the keyframes: (K, D) -> (frames, D) float32.

    The first and the last frame are the first and the last keyframe bit for bit, and so is every
    frame that falls on a keyframe. `easing="smooth"` slows down at each keyframe. With `loop` the
    path returns towards the first keyframe and ends one frame before it.
    """
    if keyframes.ndim != 2 or len(keyframes) < 2:
        raise LatentError(f"a path needs at least 2 keyframes, not {keyframes.shape}")
    if frames < 2:
        raise LatentError(f"frames {frames} is out of range: a path has at least 2")
    if method not in METHODS:
        raise LatentError(f"method {method!r} is not one of {', '.join(METHODS)}")
    if easing not in EASINGS:
        raise LatentError(f"easing {easing!r} is not one of {', '.join(EASINGS)}")
    segments = len(keyframes) if loop else len(keyframes) - 1
    steps = frames if loop else frames - 1
    path = []
    for frame in range(frames):
        # Integers: a frame that falls on a keyframe has exactly t = 0.
        segment, rest = divmod(frame * segments, steps)
        t = rest / steps
        if easing == "smooth":
            t = t * t * (3 - 2 * t)
        path.append(_between(keyframes, segment, t, method))
    return np.stack(path)


def latents_at(keyframes: Latents, positions: Sequence[float], method: str = "slerp") -> Latents:
    """The latents at `positions` along the keyframes: (K, D) -> (len(positions), D) float32.

    Position k is keyframe k bit for bit; k + ½ is halfway to the next keyframe. The first keyframe
    follows the last.
    """
    parts = [math.modf(position) for position in positions]
    return np.stack([_between(keyframes, int(whole), t, method) for t, whole in parts])


def _between(keyframes: Latents, segment: int, t: float, method: str) -> Latent:
    between = slerp if method == "slerp" else lerp
    start, end = keyframes[segment % len(keyframes)], keyframes[(segment + 1) % len(keyframes)]
    return between(start, end, t)
