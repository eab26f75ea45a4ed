"""The example runs with onnxruntime, numpy and Pillow alone, and makes the service's image."""

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from weight_files import TINY

from app.domain.bundles import ONNX
from app.serving.bundle_example import bundle_example
from benchmarks.harness.random_models import onnx_bytes
from models.config import TrainingConfig
from models.onnx_generator import OnnxGenerator
from models.seeds import latents_from_seeds

COLOURED = replace(TINY, shape=(28, 40, 4), latent_dim=7, classes=("a", "b"), conditional=True)


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
