"""The file of a quality reference: nearly the same scores, and a check of each of its parts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundle_files import few_real_images
from safetensors.numpy import save

from models.scoring.embedding_definition import FEATURES
from models.scoring.realism import Reference
from models.scoring.reference_file import (
    KIND,
    VERSION,
    ReferenceFileError,
    read_reference,
    reference_bytes,
)

DESCRIPTION = {"kind": KIND, "version": VERSION, "embedding": "moggy-1", "scale": 0.01}
ARRAYS: dict[str, Any] = {"features": np.ones((4, FEATURES), np.int8)}


def unit(count: int, seed: int) -> np.ndarray:
    """Vectors around a common one, as the embeddings of similar pictures are."""
    vectors = np.random.default_rng(seed).standard_normal((count, FEATURES)) * 0.1 + 0.2
    normed: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normed.astype(np.float32)


def test_the_file_ranks_images_as_the_unrounded_reference_does(tmp_path: Path) -> None:
    reference, images = Reference.of_dataset(unit(800, 0)), unit(200, 1)
    data = reference_bytes(reference, "moggy-1")
    assert data == reference_bytes(reference, "moggy-1")
    (tmp_path / "file").write_bytes(data)
    stored = read_reference(tmp_path / "file")
    assert stored.embedding == "moggy-1"
    ranks, stored_ranks = (
        np.argsort(np.argsort(each.realism(images)))
        for each in (reference, stored.of_embedding("moggy-1"))
    )
    assert np.corrcoef(ranks, stored_ranks)[0, 1] > 0.99
    with pytest.raises(ReferenceFileError, match="was embedded by moggy-1, this service has m-2"):
        stored.of_embedding("m-2")


def test_a_reference_read_from_a_file_is_written_as_the_same_features(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(reference_bytes(few_real_images(), "moggy-1"))
    first = read_reference(tmp_path / "file")
    (tmp_path / "file").write_bytes(reference_bytes(first.of_embedding("moggy-1"), "moggy-1"))
    assert np.allclose(read_reference(tmp_path / "file").features, first.features, rtol=2e-3)


@pytest.mark.parametrize(
    ("arrays", "description", "words"),
    [
        ({"features": np.ones((4, FEATURES), np.float32)}, {}, "has not just the tensor"),
        ({"more": np.ones(4, np.float32)}, {}, "has not just the tensor"),
        ({"features": np.ones(FEATURES, np.int8)}, {}, "1 to 4,096 images"),
        ({"features": np.ones((4, 5000), np.int8)}, {}, "1 to 4,096 images"),
        ({"features": np.ones((0, 128), np.int8)}, {}, "1 to 4"),
        ({}, {"scale": 0.0}, "has a scale"),
        ({}, {"scale": float("inf")}, "has a broken description"),
        ({}, {"embedding": ""}, "does not name its embedding"),
        ({}, {"version": 2}, "is not a quality_reference of version 1"),
        ({}, {"kind": "checkpoint"}, "is not a quality_reference"),
    ],
)
def test_a_file_that_is_no_reference_is_refused_with_the_reason(
    tmp_path: Path, arrays: dict[str, Any], description: dict[str, Any], words: str
) -> None:
    metadata = {"moggy": json.dumps(DESCRIPTION | description)}
    (tmp_path / "file").write_bytes(save(ARRAYS | arrays, metadata))
    with pytest.raises(ReferenceFileError, match=words):
        read_reference(tmp_path / "file")


def test_a_file_that_is_no_safetensors_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no tensors")
    with pytest.raises(ReferenceFileError, match="is not a valid safetensors file"):
        read_reference(tmp_path / "file")


def test_embeddings_of_another_length_are_not_compared(tmp_path: Path) -> None:
    arrays = ARRAYS | {"features": np.ones((4, 64), np.int8)}
    (tmp_path / "file").write_bytes(save(arrays, {"moggy": json.dumps(DESCRIPTION)}))
    with pytest.raises(ReferenceFileError, match="has embeddings of 64 numbers"):
        read_reference(tmp_path / "file").of_embedding("moggy-1")
