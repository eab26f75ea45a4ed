from pathlib import Path

import numpy as np
import pytest

from benchmarks import projection
from benchmarks.harness.packed_datasets import pack, random_images
from benchmarks.harness.random_models import checkpoint_bytes
from models.checkpoint import load_generator
from models.config import TrainingConfig
from models.rendering import synthesize
from models.samples import Pixels
from models.scoring.embedding import Embedder
from models.seeds import SEARCH_SEEDS, latents_from_seeds

SHAPE = (28, 28, 1)


def test_projections_are_compared_with_the_nearest_samples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = TrainingConfig(architecture="mlp", shape=SHAPE, width=8, held_out_share=0.1)
    checkpoint = tmp_path / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint_bytes(config, 1))
    pack(tmp_path / "packed", random_images(200, SHAPE))
    files = ["--checkpoint", str(checkpoint), "--dataset", str(tmp_path / "packed")]
    sizes = ["--pictures", "2", "--samples", "64", "--steps", "3", "--training-seconds", "0.2"]
    projection.main([*files, *sizes, "--sheet", str(tmp_path / "sheet.png")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == [
        "machine",
        "checkpoint",
        "encoder",
        "pictures",
    ]
    assert any(line.startswith("nearer than the nearest sample:") for line in lines)
    assert (tmp_path / "sheet.png").stat().st_size > 0


def test_the_nearest_sample_of_a_sample_is_itself(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(checkpoint_bytes(TrainingConfig(architecture="mlp", shape=SHAPE, width=8), 1))
    generator = load_generator(path).generator
    seeds = SEARCH_SEEDS[5:7]
    pictures: Pixels = synthesize(generator, latents_from_seeds(seeds, generator.latent_dim))
    nearest, distances = projection.nearest_samples(generator, Embedder(), pictures, 16)
    np.testing.assert_array_equal(nearest, pictures)
    assert distances.max() < 1e-3
