"""Interpolation of latents: paths through keyframes.

EASINGS lists the easings that need no image. The API also offers `even`, for which it computes the
positions itself and calls `latents_at`.

slerp: Shoemake, "Animating rotation with quaternion curves" (1985); for GAN latents, White,
"Sampling Generative Networks" (arXiv 1609.04468).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

METHODS = ("slerp", "lerp")
EASINGS = ("linear", "smooth")


class LatentError(ValueError):
    """The parameters of a path are invalid; the message says what is allowed."""


def lerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The straight line from a (t = 0) to b (t = 1); both ends are exact bit for bit."""
    if t in (0.0, 1.0):
        return (b if t else a).clone()
    return ((1 - t) * a.double() + t * b.double()).float()


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The great circle from a (t = 0) to b (t = 1); both ends are exact bit for bit.

    Parallel latents define no circle and use lerp. Opposite latents define no unique circle and use
    the one through the axis that a is least aligned with. Computed in float64.
    """
    if t in (0.0, 1.0):
        return (b if t else a).clone()
    start, end = a.double(), b.double()
    lengths = start.norm() * end.norm()
    if lengths == 0:
        return lerp(a, b, t)
    cosine = (start.dot(end) / lengths).clamp(-1, 1).item()
    angle = math.acos(cosine)
    if math.sin(angle) > 1e-6:
        weights = math.sin((1 - t) * angle), math.sin(t * angle)
        return ((weights[0] * start + weights[1] * end) / math.sin(angle)).float()
    if cosine > 0 or a.numel() == 1:
        return lerp(a, b, t)
    return _half_turn(start, end, t).float()


def _half_turn(start: Tensor, end: Tensor, t: float) -> Tensor:
    direction = start / start.norm()
    axis = torch.zeros_like(direction)
    axis[direction.abs().argmin()] = 1
    across = axis - axis.dot(direction) * direction
    across = across / across.norm()
    length = (1 - t) * start.norm() + t * end.norm()
    turned: Tensor = length * (math.cos(t * math.pi) * direction + math.sin(t * math.pi) * across)
    return turned


def latent_path(
    keyframes: Tensor,
    frames: int,
    method: str = "slerp",
    easing: str = "linear",
    loop: bool = False,
) -> Tensor:
    """The latents of `frames` frames through the keyframes: (K, D) -> (frames, D) float32.

    The first and the last frame are the first and the last keyframe bit for bit, and so is every
    frame that falls on a keyframe. `easing="smooth"` slows down at each keyframe. With `loop` the
    path returns towards the first keyframe and ends one frame before it.
    """
    if keyframes.ndim != 2 or len(keyframes) < 2:
        raise LatentError(f"a path needs at least 2 keyframes, not {tuple(keyframes.shape)}")
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
    return torch.stack(path)


def latents_at(keyframes: Tensor, positions: Sequence[float], method: str = "slerp") -> Tensor:
    """The latents at `positions` along the keyframes: (K, D) -> (len(positions), D) float32.

    Position k is keyframe k bit for bit; k + ½ is halfway to the next keyframe. The first keyframe
    follows the last.
    """
    parts = [math.modf(position) for position in positions]
    return torch.stack([_between(keyframes, int(whole), t, method) for t, whole in parts])


def _between(keyframes: Tensor, segment: int, t: float, method: str) -> Tensor:
    between = slerp if method == "slerp" else lerp
    start, end = keyframes[segment % len(keyframes)], keyframes[(segment + 1) % len(keyframes)]
    return between(start, end, t)
