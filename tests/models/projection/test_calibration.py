"""What a distance means: a percentile, and whether the model can make the picture."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.harness.random_models import checkpoint_bytes
from models.checkpoint import load_generator
from models.config import TrainingConfig
from models.data import split_held_out
from models.precision import choose_machine
from models.projection.calibration import (
    GENERATED,
    HELD_OUT,
    Calibration,
    read_held_out,
)
from models.projection.encoder import Pairs
from models.random_streams import random_stream

CONFIG = TrainingConfig(
    architecture="mlp", shape=(28, 28, 1), width=8, latent_dim=8, held_out_share=0.2
)
DISTANCES = np.linspace(0.2, 0.4, 21, dtype=np.float32)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    path = tmp_path_factory.mktemp("checkpoint") / "checkpoint.safetensors"
    path.write_bytes(checkpoint_bytes(CONFIG, 1))
    return Pairs(load_generator(path).generator, choose_machine(), random_stream(0, "test"))


def test_a_percentile_counts_the_pictures_that_are_nearer() -> None:
    calibration = Calibration(DISTANCES, HELD_OUT, 0.6)
    assert calibration.percentile(0.1) == 0
    assert calibration.percentile(0.3 + 1e-4) == pytest.approx(100 * 11 / 21)
    assert calibration.percentile(0.5) == 100


@pytest.mark.parametrize(
    ("distance", "source", "inside", "words"),
    [
        (0.30, HELD_OUT, True, "can make this picture"),
        (0.395, HELD_OUT, False, "95 % of 21 pictures of its dataset"),
        (0.61, HELD_OUT, False, "no more like the picture than unrelated images"),
        (0.50, GENERATED, True, "Its training pictures are not here"),
        (0.61, GENERATED, False, "no more like the picture than unrelated images"),
    ],
)
def test_the_verdict_is_a_sentence(distance: float, source: str, inside: bool, words: str) -> None:
    verdict = Calibration(DISTANCES, source, 0.6).judge(distance)
    assert (verdict.inside, words in verdict.says) == (inside, True)


def test_a_calibration_survives_its_json() -> None:
    calibration = Calibration(DISTANCES, HELD_OUT, 0.6)
    read = Calibration.from_json(calibration.to_json())
    np.testing.assert_allclose(read.distances, DISTANCES, atol=1e-5)
    assert (read.source, read.unrelated) == (HELD_OUT, 0.6)


def test_the_pictures_are_those_that_the_training_held_out(tmp_path: Path, pairs: Pairs) -> None:
    images = np.random.default_rng(0).integers(0, 256, (400, 28, 28, 1), np.uint8)
    np.save(tmp_path / "images.npy", images)
    held_out = read_held_out(tmp_path, CONFIG, pairs, 16)
    _, indices = split_held_out(400, CONFIG.held_out_share)
    assert held_out.source == HELD_OUT
    np.testing.assert_array_equal(held_out.pictures, images[indices[:16]])


def test_generated_pictures_replace_those_that_are_not_here(tmp_path: Path, pairs: Pairs) -> None:
    np.save(tmp_path / "images.npy", np.zeros((50, 28, 28, 1), np.uint8))  # too few to hold out
    for folder in (None, tmp_path):
        held_out = read_held_out(folder, CONFIG, pairs, 16)
        assert (held_out.source, held_out.pictures.dtype) == (GENERATED, torch.uint8)
        assert held_out.pictures.shape == (16, 28, 28, 1)
