"""Every architecture has directions; the one that changes its images most comes first."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from bright_model import CONFIG, bright_onnx

from benchmarks.harness.random_models import onnx_bytes
from models.config import TrainingConfig
from models.directions.unsupervised import deduplicated, find_directions, sefa
from models.directions.vectors import cosine, unit

CLASSES: dict[str, Any] = {"classes": ("a", "b"), "conditional": True}
KINDS: dict[str, dict[str, Any]] = {
    "mlp": {"architecture": "mlp"},
    "dcgan": {"architecture": "dcgan"},
    "r3gan": {"architecture": "r3gan", "max_width": 16},
    "conditional": {"architecture": "dcgan", **CLASSES},
    "conditional mlp": {"architecture": "mlp", **CLASSES},
}


def embed(pixels: np.ndarray) -> np.ndarray:
    """A cheap embedding: small pixels."""
    small = pixels[:, ::4, ::4].reshape(len(pixels), -1) / 255
    return np.asarray(small, np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_every_architecture_has_directions_ranked_by_their_effect(
    kind: str, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"width": 8, "shape": (28, 28, 3), "latent_dim": 8} | KINDS[kind]
    path = tmp_path / "generator.onnx"
    path.write_bytes(onnx_bytes(TrainingConfig(**options), 1))
    measured: list[tuple[int, int]] = []
    found = find_directions(path, embed, 4, lambda *counts: measured.append(counts))
    assert len(found) == 4
    assert {direction.method for direction in found} <= {"ganspace", "sefa"}
    effects = [direction.effect for direction in found]
    assert effects == sorted(effects, reverse=True)
    assert effects[-1] > 0
    vectors = np.stack([direction.vector for direction in found])
    cosines = np.abs(vectors @ vectors.T)
    assert cosines.diagonal() == pytest.approx(np.ones(4))
    assert (cosines - np.eye(4)).max() < 0.8
    assert measured[-1][0] == measured[-1][1] >= 4


def test_the_strongest_direction_is_the_latent_value_that_matters_most(tmp_path: Path) -> None:
    path = tmp_path / "generator.onnx"
    path.write_bytes(bright_onnx())
    first, *_ = find_directions(path, embed, 3, lambda *_: None)
    assert abs(first.vector[0]) > 0.9


def test_a_known_direction_is_not_found_again(tmp_path: Path) -> None:
    path = tmp_path / "generator.onnx"
    path.write_bytes(bright_onnx())
    known = np.eye(CONFIG.latent_dim, dtype=np.float32)[0]
    found = find_directions(path, embed, 3, lambda *_: None, [known])
    assert all(abs(cosine(direction.vector, known)) < 0.8 for direction in found)


def test_sefa_gives_the_singular_vectors_of_the_first_weights() -> None:
    model = onnx.load_from_string(bright_onnx())
    arrays = [onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
    left, _, _ = np.linalg.svd(next(array for array in arrays if array.ndim == 2))  # (D, M)
    vectors = sefa(model, CONFIG, 3)
    assert [abs(vector @ left[:, rank]) for rank, vector in enumerate(vectors)] == pytest.approx(
        [1, 1, 1], abs=1e-5
    )


def test_of_parallel_directions_the_first_is_kept() -> None:
    a, b, c = np.eye(3, dtype=np.float32)
    near_a = unit(a + 0.1 * b)
    kept = deduplicated({"ganspace": [a, b], "sefa": [-near_a, c]})
    assert [(method, vector.tolist()) for method, vector in kept] == [
        ("ganspace", a.tolist()),
        ("ganspace", b.tolist()),
        ("sefa", c.tolist()),
    ]
