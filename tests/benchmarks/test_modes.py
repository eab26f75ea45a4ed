import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_model

from benchmarks.harness.digits import Classifier
from benchmarks.harness.packed_datasets import pack as pack_images
from benchmarks.harness.packed_datasets import random_images
from benchmarks.harness.random_models import checkpoint_bytes
from benchmarks.harness.trainer_process import Trainer
from benchmarks.modes import count_digits, count_stacks, main, middle, pack, parse_arguments
from models.checkpoint import load_generator
from models.config import TrainingConfig
from models.presets import PRESETS

TINY = replace(PRESETS["dcgan"].config, width=8, batch_size=8, images=32, shape=(32, 32, 3))


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """A file of untrained weights: the tests only read it."""
    save_model(Classifier(), str(tmp_path / "classifier.safetensors"))
    return tmp_path / "classifier.safetensors"


@pytest.mark.parametrize(
    ("shape", "starts_of_lines"),
    [((28, 28, 1), ["digit", "digits", "KL"]), ((32, 32, 3), ["modes", "KL"])],
)
def test_a_checkpoint_is_evaluated_by_its_channels(
    shape: tuple[int, int, int],
    starts_of_lines: list[str],
    classifier: Path,
    shared_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    checkpoint, grid = tmp_path / "checkpoint.safetensors", tmp_path / "grid.png"
    checkpoint.write_bytes(checkpoint_bytes(TrainingConfig(shape=shape, width=8), 1))
    words = f"--checkpoint {checkpoint} --classifier {classifier} --grid {grid} --samples 200"
    main([*words.split(), "--mnist", str(shared_data / "mnist")])
    starts = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert {*starts_of_lines} <= {*starts}
    assert starts.count("digit") == (10 if "digit" in starts_of_lines else 0)
    assert grid.read_bytes().startswith(b"\x89PNG")


def test_a_preset_learns_stacks_and_is_evaluated(
    classifier: Path, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"--train dcgan --images 32 --pictures 50 --samples 100 --classifier {classifier}"
    settings = ["--set", "width=8", "--set", "batch_size=8", "--run", str(tmp_path / "run")]
    main([*words.split(), *settings, "--mnist", str(shared_data / "mnist")])
    output = capsys.readouterr().out
    assert "dcgan after 32 images" in output
    assert "of 1000 in 100 samples" in output
    assert list((tmp_path / "run" / "checkpoints").iterdir())


def test_a_packed_set_is_made_once(shared_data: Path, tmp_path: Path) -> None:
    words = [
        "--pack",
        str(tmp_path / "p"),
        "--pictures",
        "5",
        "--mnist",
        str(shared_data / "mnist"),
    ]
    main(words)
    first = (tmp_path / "p" / "images.npy").stat().st_mtime_ns
    main(words)
    assert (tmp_path / "p" / "images.npy").stat().st_mtime_ns == first
    assert np.load(tmp_path / "p" / "images.npy").shape == (5, 32, 32, 3)


def test_a_command_line_without_a_task_is_an_error() -> None:
    with pytest.raises(SystemExit):
        parse_arguments([])


def test_the_trainers_last_checkpoint_is_returned(tmp_path: Path) -> None:
    pack_images(tmp_path / "packed", random_images(20, TINY.shape))
    config = replace(TINY, checkpoint_every_images=16)
    checkpoint = Trainer(tmp_path / "run", config, tmp_path / "packed").run()
    assert load_generator(checkpoint).images_seen == 32


def test_a_training_that_fails_says_why(tmp_path: Path) -> None:
    pack_images(tmp_path / "packed", random_images(20, (28, 28, 1)))
    with pytest.raises(SystemExit, match=r"the training failed: .*28"):
        Trainer(tmp_path / "run", TINY, tmp_path / "packed").run()


def test_a_training_without_a_checkpoint_says_what_to_do(tmp_path: Path) -> None:
    pack_images(tmp_path / "packed", random_images(20, TINY.shape))
    config = replace(TINY, images=10**9, checkpoint_every_images=10**9)
    with pytest.raises(SystemExit, match="checkpoint_every_images"):
        Trainer(tmp_path / "run", config, tmp_path / "packed").run(seconds=2)


def test_equal_shares_have_no_divergence() -> None:
    coverage = count_digits(np.arange(10).repeat(7))
    assert coverage.covered == 10
    assert coverage.divergence == pytest.approx(0)
    assert coverage.shares == pytest.approx(np.full(10, 0.1))


def test_a_single_mode_has_the_largest_divergence() -> None:
    coverage = count_stacks(np.full((50, 3), 9))
    assert coverage.covered == 1
    assert coverage.counts[999] == 50
    assert coverage.divergence == pytest.approx(math.log(1000))


def test_half_of_the_modes_equally_often() -> None:
    coverage = count_digits(np.array([0, 2, 4, 6, 8]))
    assert coverage.covered == 5
    assert coverage.divergence == pytest.approx(math.log(2))


def test_the_order_of_digits_in_a_stack_decides_its_mode() -> None:
    stacks = np.array([[1, 2, 3], [3, 2, 1], [1, 2, 3]])
    coverage = count_stacks(stacks)
    assert coverage.covered == 2
    assert (coverage.counts[123], coverage.counts[321]) == (2, 1)


def test_packed_stacks_are_complete_digits_inside_a_margin(tmp_path: Path) -> None:
    digits = np.random.default_rng(0).integers(1, 256, (5, 28, 28), np.uint8)
    pack(tmp_path / "stacked", digits, total=12)
    images = np.load(tmp_path / "stacked" / "images.npy")
    assert (images.shape, images.dtype) == ((12, 32, 32, 3), np.uint8)
    channels = middle(images).transpose(0, 3, 1, 2).reshape(-1, 28, 28)
    known = {digit.tobytes() for digit in digits}
    assert {channel.tobytes() for channel in channels} <= known
    assert images.sum() == middle(images).sum()
    description = json.loads((tmp_path / "stacked" / "dataset.json").read_text())
    assert (description["images"], description["shape"]) == (12, [32, 32, 3])
    assert description["horizontal_flip"] is False


def test_the_same_seed_packs_the_same_images(tmp_path: Path) -> None:
    digits = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        pack(tmp_path / name, digits, total=6, seed=seed)
    a, b, c = ((tmp_path / name / "images.npy").read_bytes() for name in "abc")
    assert a == b != c


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="64 × 64 are not digits"):
        middle(np.zeros((1, 64, 64, 3), np.uint8))
