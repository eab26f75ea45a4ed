"""Directions in latent space: unit vectors, and latents moved along them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.samples import Vector
from models.seeds import Latents

Precise = NDArray[np.float64]

LEAST_LENGTH = 1e-6  # of a moved latent, relative to its own length
PARALLEL = 0.8  # |cosine| from which two directions count as the same one


class DirectionError(ValueError):
    """No direction can be computed; the message says why."""


def unit(vector: NDArray[np.floating]) -> Vector:
    """(D,) scaled to length 1, in float32. Raises DirectionError for a vector without a length."""
    precise = vector.astype(np.float64)
    length = np.linalg.norm(precise)
    if not np.isfinite(length) or length == 0:
        raise DirectionError("the direction has no length")
    scaled: Vector = (precise / length).astype(np.float32)
    return scaled


def move(latents: Latents, offset: NDArray[np.floating]) -> Latents:
    """(N, D) latents, each moved by `offset`, (D,), and scaled back to its own length.

    `offset` is a direction times an amount, or the sum of several. Normal latents lie near a
    sphere, and a generator has seen no latents far from it. Raises DirectionError where less than
    a millionth of a latent's length remains.
    """
    precise = latents.astype(np.float64)
    moved = precise + offset.astype(np.float64)
    lengths = np.linalg.norm(precise, axis=1, keepdims=True)
    moved_lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    if (moved_lengths <= LEAST_LENGTH * lengths).any():
        raise DirectionError("the latent is moved to the origin")
    scaled: Latents = (moved * (lengths / moved_lengths)).astype(np.float32)
    return scaled


def orthogonalised(vector: Vector, others: Sequence[Vector]) -> Vector:
    """The part of a direction that is orthogonal to all others, with unit length.

    Raises DirectionError where less than a thousandth of the direction remains.
    """
    if not others:
        return vector
    basis, _ = np.linalg.qr(np.stack(others, axis=1).astype(np.float64))  # (D, K)
    rest = vector.astype(np.float64) - basis @ (basis.T @ vector)
    if np.linalg.norm(rest) < 1e-3:
        raise DirectionError("the direction lies within the ones that it is to be orthogonal to")
    return unit(rest)


def cosine(first: Vector, second: Vector) -> float:
    """The cosine of the angle between two unit vectors."""
    return float(first.astype(np.float64) @ second.astype(np.float64))


def is_parallel(vector: Vector, others: Sequence[Vector]) -> bool:
    """Whether the direction, or its opposite, is nearly the same as one of the others."""
    return any(abs(cosine(vector, other)) >= PARALLEL for other in others)
