"""Latents: the point a seed names, and the ways from one point to another.

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
    """A seed, a latent or a path that cannot be made; the message says what is allowed."""


def lerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The straight way from a (t = 0) to b (t = 1); both ends bit for bit."""
    if t in (0.0, 1.0):
        return (b if t else a).clone()
    return ((1 - t) * a.double() + t * b.double()).float()


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The way along the great circle from a (t = 0) to b (t = 1); both ends bit for bit.

    Parallel latents leave no circle: lerp. Opposite ones leave too many: the circle through the
    axis a is least aligned with. Computed in float64.
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
    """`frames` latents from the first keyframe to the last: (K, D) -> (frames, D) float32.

    `frames` counts both ends, which equal the keyframes bit for bit, as does every keyframe that
    falls on a frame. `easing="smooth"` slows down at each keyframe. With `loop` the path goes on
    towards the first keyframe and ends one frame before it.
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
        # Whole numbers, so that a keyframe on a frame is met at t = 0 exactly.
        segment, rest = divmod(frame * segments, steps)
        t = rest / steps
        if easing == "smooth":
            t = t * t * (3 - 2 * t)
        path.append(_between(keyframes, segment, t, method))
    return torch.stack(path)


def latents_at(keyframes: Tensor, places: Sequence[float], method: str = "slerp") -> Tensor:
    """The latents at `places` along the keyframes: (K, D) -> (len(places), D) float32.

    Place k is keyframe k bit for bit, k + ½ is halfway to the next, which after the last is the
    first again.
    """
    parts = [math.modf(place) for place in places]
    return torch.stack([_between(keyframes, int(whole), t, method) for t, whole in parts])


def _between(keyframes: Tensor, segment: int, t: float, method: str) -> Tensor:
    between = slerp if method == "slerp" else lerp
    start, end = keyframes[segment % len(keyframes)], keyframes[(segment + 1) % len(keyframes)]
    return between(start, end, t)
