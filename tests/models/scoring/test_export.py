"""The shipped ONNX files are those that `python -m models.scoring.export` writes."""

from pathlib import Path

import numpy as np
import pytest

from models.scoring.embedding import WEIGHTS, Embedder
from models.scoring.embedding_definition import EmbeddingError
from models.scoring.export import embedding_onnx, halves_onnx, scores_onnx
from models.scoring.nearest import HALVES_ONNX, SCORES_ONNX
from models.scoring.onnx_embedder import EMBEDDING_ONNX, OnnxEmbedder
from models.tensor_files import read_tensors, write_tensors


def test_the_shipped_files_are_made_of_the_shipped_weights() -> None:
    assert embedding_onnx(WEIGHTS) == EMBEDDING_ONNX.read_bytes()
    assert halves_onnx() == HALVES_ONNX.read_bytes()
    assert scores_onnx() == SCORES_ONNX.read_bytes()


def test_other_weights_give_another_network(tmp_path: Path) -> None:
    description, tensors = read_tensors(WEIGHTS, "embedding")
    tensors["features.bias"] = -tensors["features.bias"]
    weights, path = tmp_path / "other.safetensors", tmp_path / "other.onnx"
    write_tensors(weights, "embedding", description, tensors)
    path.write_bytes(embedding_onnx(weights))
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    written = OnnxEmbedder(path)
    assert written.name == Embedder(weights=weights).name != OnnxEmbedder().name
    assert np.linalg.norm(written(images) - Embedder(weights=weights)(images), axis=1).max() < 0.05


def test_unusable_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match=r"absent\.safetensors are unusable"):
        embedding_onnx(tmp_path / "absent.safetensors")
