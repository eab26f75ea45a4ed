"""Sample indexes of small random generators, built by the real process's function."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.store import ObjectStore
from app.domain.tables import CheckpointFile
from benchmarks.harness.random_models import onnx_bytes
from models.config import TrainingConfig
from models.index_build import INDEX_FILE, run_build
from models.onnx_generator import OnnxGenerator
from models.samples import Sample
from models.scoring.nearest import FEATURES_FILE, write_index
from models.scoring.onnx_embedder import OnnxEmbedder
from models.scoring.sample_index import SampleIndex
from models.seeds import SEARCH_SEEDS

SAMPLES = 96
FIRST = SEARCH_SEEDS.start
SMALL: dict[str, Any] = {"architecture": "mlp", "shape": (28, 28, 3), "latent_dim": 8, "width": 8}
CLASSES: dict[str, Any] = {"classes": ("a", "b"), "conditional": True}


class NoEvents:
    def emit(self, event: str, **values: object) -> None:
        assert event != "failed", values


def build(folder: Path, config: dict[str, Any], *, with_pictures: bool) -> Path:
    """Build an index; some of the model's own images are its real pictures."""
    folder.mkdir()
    data = onnx_bytes(TrainingConfig(**config), 1)
    (folder / "generator.onnx").write_bytes(data)
    if with_pictures:
        embedder = OnnxEmbedder()
        real = OnnxGenerator(data).render([Sample(seed, 0) for seed in range(40)])
        np.save(folder / FEATURES_FILE, embedder(real).astype(np.float16))
        write_index(folder, np.load(folder / FEATURES_FILE))
        (folder / "dataset.json").write_text(json.dumps({"embedding": embedder.name}))
    run = {
        "generator": str(folder / "generator.onnx"),
        "sha256": hashlib.sha256(data).hexdigest(),
        "samples": SAMPLES,
        "pictures": str(folder) if with_pictures else None,
        "pictures_absent": None if with_pictures else "it is not known",
        "reference": None,
    }
    (folder / "run.json").write_text(json.dumps(run))
    run_build(folder, NoEvents())
    return folder / INDEX_FILE


def add_index(
    database: Database, store: ObjectStore, checkpoint: GeneratorCheckpoint, file: Path
) -> None:
    """Store the index of a registered checkpoint."""
    data, key = file.read_bytes(), f"jobs/i{checkpoint.id}/1/files/index.safetensors"
    store.put_bytes(key, data)
    description = SampleIndex(file).description
    with database.write() as session:
        session.add(
            CheckpointFile(
                checkpoint=checkpoint.id,
                kind="index",
                key=key,
                sha256=hashlib.sha256(data).hexdigest(),
                bytes=len(data),
                details=asdict(description),
            )
        )
