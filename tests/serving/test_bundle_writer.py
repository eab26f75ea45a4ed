"""A bundle is written in pieces, the same bytes each time. Its example runs with onnxruntime, numpy
and Pillow alone, and makes the service's image.
"""

import ast
import io
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bundle_files import METRICS_OF_CATS, bundle, bundle_contents, lineage_of
from PIL import Image
from weight_files import TINY, tiny_checkpoint

from app.domain.bundles import CARD, EXAMPLE, LINEAGE, METRICS, ONNX, SAMPLES, WEIGHTS
from app.serving.bundle_writer import (
    bundle_documents,
    bundle_example,
    sample_count,
    write_bundle,
)
from benchmarks.harness.random_models import onnx_bytes
from models.config import TrainingConfig
from models.onnx_generator import OnnxGenerator
from models.seeds import latents_from_seeds

COLOURED = replace(TINY, shape=(28, 40, 4), latent_dim=7, classes=("a", "b"), conditional=True)


def test_the_same_contents_give_the_same_bytes_without_the_time_of_writing() -> None:
    first = bundle()
    assert first == bundle()
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        for name, data in bundle_contents().items():
            assert archive.read(name) == data, name


def test_each_piece_of_the_weights_is_passed_on_before_the_next_is_read() -> None:
    read, piece_bytes = 0, 200_000  # more than deflate holds back

    def pieces() -> Iterator[bytes]:
        nonlocal read
        for _ in range(10):
            read += 1
            yield random.randbytes(piece_bytes)

    sent = 0
    for piece in write_bundle({}, b"png", pieces(), iter([b"onnx"])):
        sent += len(piece)
        assert sent >= piece_bytes * (read - 2)
        assert len(piece) < 2 * piece_bytes
    assert sent > 10 * piece_bytes


def test_everything_but_the_picture_is_compressed() -> None:
    with zipfile.ZipFile(io.BytesIO(bundle())) as archive:
        kinds = {entry.filename: entry.compress_type for entry in archive.infolist()}
        weights = archive.getinfo(WEIGHTS)
    assert kinds.pop(SAMPLES) == zipfile.ZIP_STORED
    assert set(kinds.values()) == {zipfile.ZIP_DEFLATED}
    assert weights.compress_size < 0.95 * weights.file_size


def test_the_documents_hold_the_scores_and_the_lineage() -> None:
    lineage = lineage_of(tiny_checkpoint())
    documents = bundle_documents(lineage, METRICS_OF_CATS, "cats-c1.zip")
    assert json.loads(documents[LINEAGE]) == lineage
    assert json.loads(documents[METRICS]) == METRICS_OF_CATS
    assert set(documents) == {CARD, EXAMPLE, LINEAGE, METRICS}
    assert WEIGHTS.encode() in documents[CARD]
    assert json.loads(bundle_documents(lineage, None, "a.zip")[METRICS]) is None


def test_large_images_are_fewer_on_the_grid() -> None:
    assert sample_count(TINY) == 64
    assert sample_count(TrainingConfig(shape=(256, 256, 3))) == 16


def test_the_example_has_twelve_lines_and_three_imports() -> None:
    program = bundle_example(())
    assert len([line for line in program.splitlines() if not line.startswith("#")]) == 12
    imports = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Import)]
    sources = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in imports for alias in node.names}
    assert names | {node.module for node in sources} == {"numpy", "onnxruntime", "PIL"}


@pytest.mark.parametrize("config", [TINY, COLOURED], ids=["grey", "conditional RGBA"])
@pytest.mark.parametrize("seed", [7, 2**53 - 1])
def test_the_example_makes_the_image_of_its_seed(
    config: TrainingConfig, seed: int, tmp_path: Path
) -> None:
    file = onnx_bytes(config, 1)
    (tmp_path / ONNX).write_bytes(file)
    program = bundle_example(config.classes).replace("), 7", f"), {seed}")
    (tmp_path / "example.py").write_text(program)
    # -I: without this project's folder and the environment's variables.
    run = subprocess.run(
        [sys.executable, "-I", "example.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (run.returncode, run.stderr) == (0, "")
    labels = np.array([0]) if config.classes else None
    (served,) = OnnxGenerator(file).generate(latents_from_seeds([seed], config.latent_dim), labels)
    with Image.open(tmp_path / "image.png") as image:
        assert np.array_equal(np.asarray(image).reshape(served.shape), served)
