"""Latents stay on their shell, and a direction becomes independent of others."""

import numpy as np
import pytest

from models.directions.vectors import (
    DirectionError,
    cosine,
    is_parallel,
    move,
    orthogonalised,
    unit,
)
from models.seeds import latents_from_seeds

AXES = np.eye(8, dtype=np.float32)
LATENTS = latents_from_seeds(range(20), 8)


def test_a_move_keeps_the_length_of_each_latent() -> None:
    moved = move(LATENTS, 3.0 * AXES[2])
    assert np.linalg.norm(moved, axis=1) == pytest.approx(np.linalg.norm(LATENTS, axis=1), rel=1e-6)
    assert (moved[:, 2] > LATENTS[:, 2]).all()
    assert np.array_equal(move(LATENTS, 0.0 * AXES[2]), LATENTS)


def test_an_orthogonalised_direction_is_independent_of_all_others() -> None:
    others = [unit(AXES[0] + AXES[1]), unit(AXES[1] + AXES[2])]
    vector = orthogonalised(unit(AXES.sum(0)), others)
    assert [cosine(vector, other) for other in others] == pytest.approx([0, 0], abs=1e-6)
    assert np.linalg.norm(vector) == pytest.approx(1)


def test_nothing_remains_of_a_direction_within_the_others() -> None:
    with pytest.raises(DirectionError, match="lies within"):
        orthogonalised(unit(AXES[0] - AXES[1]), [AXES[0], AXES[1]])
    with pytest.raises(DirectionError, match="no length"):
        unit(np.zeros(8, np.float32))


def test_opposite_directions_are_parallel() -> None:
    assert is_parallel(AXES[0], [AXES[1], -AXES[0]])
    assert not is_parallel(AXES[0], [AXES[1], unit(AXES[0] + AXES[2])])
