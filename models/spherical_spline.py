"""A smooth path through latents: a spline on the sphere of their directions, and one of lengths.

Shoemake, "Animating rotation with quaternion curves" (1985): each segment is a cubic Bézier curve,
evaluated by de Casteljau's construction with great circles instead of straight lines. The velocity
at a keyframe is the mean of those towards it and away from it on the great circles to its
neighbours, as in Catmull and Rom, "A class of local interpolating splines" (1974). Lengths follow
the monotone cubic of Fritsch and Carlson (1980), which never leaves the range of its ends.
"""

import math

import numpy as np
from numpy.typing import NDArray

from models.seeds import Latents

Precise = NDArray[np.float64]

LEAST_SINE = 1e-9  # of the angle between two directions that define a great circle


class SphericalSpline:
    """The path through the keyframes (K, D), K ≥ 2, computed in float64.

    Segment k leads from keyframe k to the next one; a closed path has a last segment from the last
    keyframe to the first. The derivative is continuous at every keyframe, except at both ends of an
    open path. With two keyframes an open path is their great circle at constant speed, and a closed
    path returns the way it came.

    A keyframe of length 0 has no direction. It does not influence the other segments.
    """

    def __init__(self, keyframes: Latents, closed: bool) -> None:
        latents = keyframes.astype(np.float64)
        self._lengths = np.linalg.norm(latents, axis=1)
        self._directions = latents / np.where(self._lengths > 0, self._lengths, 1)[:, None]
        velocities = [self._velocities(index, closed) for index in range(len(latents))]
        self._turns = [turn for turn, _ in velocities]
        self._growths = [growth for _, growth in velocities]

    def has_directions(self, segment: int) -> bool:
        """Whether both keyframes of the segment have a direction."""
        start, end = self._ends(segment)
        return bool(self._lengths[start] > 0 and self._lengths[end] > 0)

    def at(self, segment: int, t: float) -> Precise:
        """The latent (D,) at t in [0, 1] of a segment for which `has_directions` holds."""
        start, end = self._ends(segment)
        first, last = self._directions[start], self._directions[end]
        points = [
            first,
            exp_map(first, self._turns[start] / 3),
            exp_map(last, -self._turns[end] / 3),
            last,
        ]
        while len(points) > 1:  # de Casteljau
            points = [
                exp_map(points[index], t * log_map(points[index], points[index + 1]))
                for index in range(len(points) - 1)
            ]
        latent: Precise = self._length(start, end, t) * points[0]
        return latent

    def _ends(self, segment: int) -> tuple[int, int]:
        count = len(self._lengths)
        return segment % count, (segment + 1) % count

    def _velocities(self, index: int, closed: bool) -> tuple[Precise, float]:
        """The derivatives of direction and length at a keyframe, with a segment as unit of time."""
        before, after = (index - 1) % len(self._lengths), (index + 1) % len(self._lengths)
        here, length = self._directions[index], self._lengths[index]
        turns = -log_map(here, self._directions[before]), log_map(here, self._directions[after])
        growths = float(length - self._lengths[before]), float(self._lengths[after] - length)
        if not closed and index == 0:
            return turns[1], growths[1]
        if not closed and after == 0:
            return turns[0], growths[0]
        # An extreme stays one, and the harmonic mean is small enough for a monotone cubic.
        monotone = growths[0] * growths[1] > 0
        growth = 2 * growths[0] * growths[1] / sum(growths) if monotone else 0.0
        return (turns[0] + turns[1]) / 2, growth

    def _length(self, start: int, end: int, t: float) -> float:
        """Hermite's cubic with the given values and derivatives at both ends."""
        rising = t * t * (3 - 2 * t)
        value = (1 - rising) * self._lengths[start] + rising * self._lengths[end]
        bend = (1 - t) * self._growths[start] - t * self._growths[end]
        return float(value + t * (1 - t) * bend)


def log_map(start: Precise, end: Precise) -> Precise:
    """The tangent at `start` along the great circle to `end`, as long as the angle in radians.

    Both (D,) of length 1; the tangent is 0 if either is 0. Opposite directions have no unique great
    circle: this one passes through the axis that `start` is least aligned with.
    """
    cosine = float(start @ end)
    across = end - cosine * start
    sine = float(np.linalg.norm(across))
    if sine > LEAST_SINE:
        return across * (math.atan2(sine, cosine) / sine)
    if cosine >= 0 or start.size == 1:
        return np.zeros_like(start)
    axis = np.zeros_like(start)
    axis[np.abs(start).argmin()] = 1
    across = axis - (axis @ start) * start
    return across * (math.pi / float(np.linalg.norm(across)))


def exp_map(start: Precise, tangent: Precise) -> Precise:
    """The point (D,) that is reached from `start`, of length 1, along the tangent."""
    angle = float(np.linalg.norm(tangent))
    if angle == 0:
        return start
    return math.cos(angle) * start + (math.sin(angle) / angle) * tangent
