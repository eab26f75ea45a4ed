"""How much a direction changes images: the distance between embeddings before and after a move."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.directions.vectors import move
from models.samples import Vector
from models.seeds import SEARCH_SEEDS, Latents, latents_from_seeds

EFFECT_SEEDS = SEARCH_SEEDS[:24]  # whose images are moved
EFFECT_AMOUNT = 2.0


def latents_of_effect(latent_dim: int) -> Latents:
    """The latents before the move: (24, latent_dim)."""
    return latents_from_seeds(EFFECT_SEEDS, latent_dim)


def moved_both_ways(latents: Latents, vector: Vector) -> tuple[Latents, Latents]:
    """The latents moved by -EFFECT_AMOUNT, and by EFFECT_AMOUNT."""
    return move(latents, -EFFECT_AMOUNT * vector), move(latents, EFFECT_AMOUNT * vector)


def effect_of(unmoved: NDArray[np.float32], moved: Sequence[NDArray[np.float32]]) -> float:
    """The mean distance, 0 to 2, from embeddings (N, F) of images to those of the moved ones."""
    distances = [np.linalg.norm(features - unmoved, axis=1).mean() for features in moved]
    return float(np.mean(distances))
