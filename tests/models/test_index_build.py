"""The process that builds a sample index from a generator, with real images and without."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.harness.random_models import onnx_bytes
from models.colours import cell_colours
from models.config import TrainingConfig
from models.index_build import INDEX_FILE, run_build
from models.onnx_generator import OnnxGenerator
from models.samples import Sample
from models.scoring.nearest import FEATURES_FILE, write_index
from models.scoring.onnx_embedder import OnnxEmbedder
from models.scoring.realism import Reference
from models.scoring.reference_file import reference_bytes
from models.scoring.sample_index import SampleIndex
from models.seeds import SEARCH_SEEDS, class_from_seed

SAMPLES = 40
CONFIG: dict[str, Any] = {"architecture": "mlp", "shape": (28, 28, 3), "latent_dim": 8, "width": 8}


class RecordedEvents:
    def __init__(self) -> None:
        self.emitted: list[dict[str, Any]] = []

    def emit(self, event: str, **values: object) -> None:
        self.emitted.append({"event": event} | values)


def build(
    folder: Path, config: TrainingConfig, pictures: Path | None = None, **changes: Any
) -> list[dict[str, Any]]:
    data = onnx_bytes(config, 1)
    (folder / "generator.onnx").write_bytes(data)
    run = {
        "generator": str(folder / "generator.onnx"),
        "sha256": hashlib.sha256(data).hexdigest(),
        "samples": SAMPLES,
        "pictures": pictures and str(pictures),
        "pictures_absent": None if pictures else "its dataset has been deleted",
        "reference": None,
    }
    (folder / "run.json").write_text(json.dumps(run | changes))
    events = RecordedEvents()
    assert run_build(folder, events) == (events.emitted[-1]["event"] == "failed")
    return events.emitted


def test_the_index_holds_what_its_seeds_generate(tmp_path: Path) -> None:
    config = TrainingConfig(**CONFIG, classes=("a", "b", "c"), conditional=True)
    *progress, finished = build(tmp_path, config)
    assert progress[0]["images_seen"] == 0
    assert progress[-1]["images_seen"] == progress[-1]["images_total"] == SAMPLES
    data = (tmp_path / INDEX_FILE).read_bytes()
    assert (finished["bytes"], finished["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert finished["details"]["samples"] == SAMPLES
    index = SampleIndex(tmp_path / INDEX_FILE)
    seed = index.seeds[33]
    label = class_from_seed(seed, 3)
    assert index.labels is not None
    assert index.labels[33] == label
    images = OnnxGenerator(tmp_path / "generator.onnx").render([Sample(seed, label)])
    assert np.allclose(index.features[33], OnnxEmbedder()(images)[0], atol=1e-3)
    assert np.allclose(index.colours[33], cell_colours(images)[0], atol=0.1)
    assert index.realism is None
    assert index.description.quality_absent == "its dataset has been deleted"


def test_with_the_embeddings_of_its_pictures_every_image_has_a_quality(tmp_path: Path) -> None:
    config, pictures = TrainingConfig(**CONFIG), tmp_path / "pictures"
    pictures.mkdir()
    embedder = OnnxEmbedder()
    generator = OnnxGenerator(onnx_bytes(config, 1))
    real = generator.render([Sample(seed) for seed in SEARCH_SEEDS[:8]])
    np.save(pictures / FEATURES_FILE, embedder(real).astype(np.float16))
    write_index(pictures, np.load(pictures / FEATURES_FILE))
    (pictures / "dataset.json").write_text(json.dumps({"embedding": embedder.name}))
    build(tmp_path, config, pictures)
    index = SampleIndex(tmp_path / INDEX_FILE)
    assert index.labels is None
    assert index.realism is not None
    assert index.qualities[:8].mean() > index.qualities[8:].mean()  # they are real images
    (pictures / "dataset.json").write_text(json.dumps({"embedding": "another"}))
    build(tmp_path, config, pictures)
    absent = SampleIndex(tmp_path / INDEX_FILE).description.quality_absent
    assert absent is not None
    assert "was embedded by another" in absent


def test_without_pictures_the_reference_that_came_with_the_checkpoint_counts(
    tmp_path: Path,
) -> None:
    config, path, embedder = TrainingConfig(**CONFIG), tmp_path / "reference", OnnxEmbedder()
    real = OnnxGenerator(onnx_bytes(config, 1)).render([Sample(seed) for seed in SEARCH_SEEDS[:8]])
    reference = Reference.of_dataset(embedder(real))
    path.write_bytes(reference_bytes(reference, embedder.name))
    build(tmp_path, config, reference=str(path))
    index = SampleIndex(tmp_path / INDEX_FILE)
    assert index.realism is not None
    others = slice(8, None)  # the images that are not equal to a real one
    expected = reference.realism(index.features[others])
    assert np.allclose(index.realism[others], expected, rtol=0.02)
    assert index.description.quality_absent is None
    path.write_bytes(reference_bytes(reference, "another"))
    build(tmp_path, config, reference=str(path))
    absent = SampleIndex(tmp_path / INDEX_FILE).description.quality_absent
    assert absent is not None
    assert "came with it was embedded by another, this service has moggy-" in absent


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "0"}, "the generator's file is damaged"),
        ({"samples": "many"}, "does not describe a sample index"),
    ],
)
def test_an_error_that_would_occur_again_is_a_failure(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    *_, event = build(tmp_path, TrainingConfig(**CONFIG), **changes)
    assert event["event"] == "failed"
    assert message in event["error"]
    assert not (tmp_path / INDEX_FILE).exists()
