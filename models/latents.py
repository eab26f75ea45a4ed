"""Paths through latents, blends of them, and truncation. Latents are float32 arrays; paths and
blends compute in float64.

EASINGS lists the easings that need no image. The API also offers `even`, for which it computes the
positions itself and calls `latents_at`.

slerp: Shoemake, "Animating rotation with quaternion curves" (1985); for GAN latents, White,
"Sampling Generative Networks" (arXiv 1609.04468). Truncation: Brock, Donahue, Simonyan, "Large
scale GAN training" (arXiv 1809.11096), section 3.1, which resamples the values; here, as in
StyleGAN (arXiv 1812.04948, appendix B), the whole latent is scaled.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from models.seeds import Latents
from models.spherical_spline import LEAST_SINE, SphericalSpline

METHODS = ("slerp", "lerp", "spline")
EASINGS = ("linear", "smooth")

MEAN_STEPS = 100  # at most; latents that are drawn need about 15
MEAN_PRECISION = 1e-10  # radians that the last step may move a mean
LEAST_MEAN = 1e-6  # the length of a mean of directions below which they cancel each other

Latent = NDArray[np.float32]  # (D,)
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


class Bend(NamedTuple):
    """A smooth displacement of one segment of a path, which keeps the lengths of its latents.

    It is `offset` (D,) at t = `position` of the segment, above 0 and below 1, and decreases towards
    both ends as sin² does, so that the path stays smooth at the keyframes.
    """

    segment: int
    position: float
    offset: Latent

    def apply(self, latent: Latent, t: float) -> Latent:
        """The displaced latent (D,) at t."""
        before = t < self.position
        share = t / self.position if before else (1 - t) / (1 - self.position)
        straight = latent.astype(np.float64)
        moved = straight + math.sin(share * math.pi / 2) ** 2 * self.offset
        length = _length(moved)
        if length == 0:
            return latent
        return (_length(straight) / length * moved).astype(np.float32)


class LatentPath:
    """The path through keyframes (K, D), K ≥ 2, by one of METHODS. Raises LatentError.

    With `loop` a last segment leads from the last keyframe to the first. A segment has at most one
    of the `bends`.
    """

    def __init__(
        self,
        keyframes: Latents,
        method: str = "slerp",
        loop: bool = False,
        bends: Sequence[Bend] = (),
    ) -> None:
        if keyframes.ndim != 2 or len(keyframes) < 2:
            raise LatentError(f"a path needs at least 2 keyframes, not {keyframes.shape}")
        if method not in METHODS:
            raise LatentError(f"method {method!r} is not one of {', '.join(METHODS)}")
        self.keyframes, self.method, self.loop = keyframes, method, loop
        self.segments = len(keyframes) if loop else len(keyframes) - 1
        self._between = slerp if method == "slerp" else lerp
        self._spline = SphericalSpline(keyframes, loop) if method == "spline" else None
        self._bends: dict[int, Bend] = {}
        for bend in bends:
            self._check(bend)
            self._bends[bend.segment] = bend

    def bent(self, bends: Sequence[Bend]) -> Self:
        """The same path with these bends. Raises LatentError."""
        return type(self)(self.keyframes, self.method, self.loop, bends)

    def at(self, segment: int, t: float) -> Latent:
        """The latent (D,) at t in [0, 1) of a segment; at 0 it is the keyframe bit for bit."""
        latent, bend = self._straight(segment, t), self._bends.get(segment)
        return latent if bend is None or t == 0 else bend.apply(latent, t)

    def _check(self, bend: Bend) -> None:
        if not 0 <= bend.segment < self.segments or not 0 < bend.position < 1:
            raise LatentError(
                f"a bend at {bend.position:g} of segment {bend.segment} is not within one of the "
                f"{self.segments} segments"
            )
        if bend.segment in self._bends:
            raise LatentError(f"segment {bend.segment} has two bends: it can have one")
        if bend.offset.shape != self.keyframes.shape[1:]:
            raise LatentError(
                f"a bend has {len(bend.offset)} values, and the latents have "
                f"{self.keyframes.shape[1]}"
            )

    def _straight(self, segment: int, t: float) -> Latent:
        """The latent without a bend."""
        if t and self._spline and self._spline.has_directions(segment):
            return self._spline.at(segment, t).astype(np.float32)
        count = len(self.keyframes)
        start, end = self.keyframes[segment % count], self.keyframes[(segment + 1) % count]
        return self._between(start, end, t)

    def at_positions(self, positions: Sequence[float]) -> Latents:
        """(len(positions), D). Position k is keyframe k; k + ½ is in the middle of segment k."""
        parts = [math.modf(position) for position in positions]
        return np.stack([self.at(int(segment), t) for t, segment in parts])


def latent_path(
    keyframes: Latents,
    frames: int,
    method: str = "slerp",
    easing: str = "linear",
    loop: bool = False,
    bends: Sequence[Bend] = (),
) -> Latents:
    """The latents of `frames` frames through the keyframes: (K, D) -> (frames, D) float32.

    The first and the last frame are the first and the last keyframe bit for bit, and so is every
    frame that falls on a keyframe. `easing="smooth"` slows down at each keyframe. With `loop` the
    path returns towards the first keyframe and ends one frame before it. Raises LatentError.
    """
    path = LatentPath(keyframes, method, loop, bends)
    if frames < 2:
        raise LatentError(f"frames {frames} is out of range: a path has at least 2")
    if easing not in EASINGS:
        raise LatentError(f"easing {easing!r} is not one of {', '.join(EASINGS)}")
    steps = frames if loop else frames - 1
    latents = []
    for frame in range(frames):
        # Integers: a frame that falls on a keyframe has exactly t = 0.
        segment, rest = divmod(frame * path.segments, steps)
        t = rest / steps
        if easing == "smooth":
            t = t * t * (3 - 2 * t)
        latents.append(path.at(segment, t))
    return np.stack(latents)


def blend(latents: Latents, weights: Precise) -> Latents:
    """Weighted means on the sphere of directions: (N, D) latents, (P, N) weights -> (P, D).

    Each mean has the weighted mean of the lengths. Weights are at least 0, and only their
    proportions count. A latent that has all the weight is returned bit for bit; a blend of two is
    on their great circle. The result does not depend on the order, as that of nested slerps does.
    Buss and Fillmore, "Spherical averages and applications to spherical splines" (2001), algorithm
    A1.

    Raises LatentError where the latents have no common direction, since they cancel each other.
    """
    shares = weights / weights.sum(1, keepdims=True)
    vectors = latents.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    directions = vectors / np.where(lengths > 0, lengths, 1)[:, None]
    means = shares @ directions
    if (np.linalg.norm(means, axis=1) < LEAST_MEAN).any():
        raise LatentError("the latents cancel each other out: their mean has no direction")
    for _ in range(MEAN_STEPS):
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        cosines = means @ directions.T  # (P, N)
        across = directions - cosines[:, :, None] * means[:, None]  # (P, N, D)
        sines = np.linalg.norm(across, axis=2)
        # The tangents at a mean towards the latents are as long as the angles.
        scales = np.arctan2(sines, cosines) / np.maximum(sines, LEAST_SINE)
        steps = np.einsum("pn,pnd->pd", shares * scales, across)
        angles = np.linalg.norm(steps, axis=1, keepdims=True)
        means = np.cos(angles) * means + np.sinc(angles / math.pi) * steps
        if angles.max() < MEAN_PRECISION:
            break
    blends: Latents = ((shares @ lengths)[:, None] * means).astype(np.float32)
    rows, alone = np.nonzero(shares == 1)
    blends[rows] = latents[alone]
    return blends
