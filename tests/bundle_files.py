"""Bundles to import: one as it is exported, and the same with changes."""

import hashlib
import io
import json
import zipfile
from typing import Any

import numpy as np
from weight_files import TINY, tiny_checkpoint

from app.domain.bundles import LINEAGE, METRICS, ONNX, SAMPLES, WEIGHTS
from app.serving.bundle_writer import bundle_documents, write_bundle
from benchmarks.harness.random_models import onnx_bytes
from models.scoring.embedding_definition import FEATURES
from models.scoring.realism import Reference

METRICS_OF_CATS: dict[str, Any] = {
    "kid": 0.0123,
    "kid_interval": [0.01, 0.014],
    "precision": 0.7,
    "floor": {"kid": 0.001},
    "real": {"precision": 0.9},
    "embedding": "moggy-1",
}
# The last event of an import whose file is sound.
CHILD_EVENT: dict[str, Any] = {
    "config": TINY.to_json(),
    "images_seen": 1000,
    "sha256": "s",
    "bytes": 1,
    "has_discriminator": True,
    "onnx_sha256": "o",
    "onnx_bytes": 1,
}


def few_real_images() -> Reference:
    """A quality reference of five embeddings of unit length."""
    features = np.random.default_rng(0).standard_normal((5, FEATURES))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return Reference(features.astype(np.float16))


def lineage_of(weights: bytes, **changes: Any) -> dict[str, Any]:
    return {
        "model": "cats",
        "checkpoint": "c1",
        "sha256": hashlib.sha256(weights).hexdigest(),
        "images_seen": 1000,
        "config": TINY.to_json(),
        "dataset": {"name": "kittens", "content_hash": "ab" * 32, "images": 3000},
        "resumed_from": None,
        "imported": None,
    } | changes


def bundle_contents(weights: bytes | None = None, **lineage: Any) -> dict[str, bytes]:
    """The files of a bundle by name."""
    weights = tiny_checkpoint() if weights is None else weights
    documents = bundle_documents(lineage_of(weights, **lineage), METRICS_OF_CATS, "cats-c1.zip")
    return documents | {SAMPLES: b"png", WEIGHTS: weights, ONNX: onnx_bytes(TINY, 1)}


def bundle(contents: dict[str, bytes] | None = None) -> bytes:
    """A bundle as it is exported."""
    contents = dict(contents or bundle_contents())
    samples, weights, onnx = (contents.pop(name) for name in (SAMPLES, WEIGHTS, ONNX))
    return b"".join(write_bundle(contents, samples, iter([weights]), iter([onnx])))


def zipped(
    contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED, comment: bytes = b""
) -> bytes:
    """Any files as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in contents.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
        archive.comment = comment
    return buffer.getvalue()


def with_json(name: str, value: Any) -> dict[str, bytes]:
    """The files of a bundle with another METRICS or LINEAGE."""
    assert name in (METRICS, LINEAGE)
    return bundle_contents() | {name: json.dumps(value).encode()}
