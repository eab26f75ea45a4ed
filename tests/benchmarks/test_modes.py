from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_model

from benchmarks.digits import Classifier
from benchmarks.modes import main, parse_arguments
from benchmarks.ours import pack as pack_pictures
from benchmarks.ours import random_pictures
from benchmarks.random_models import checkpoint_bytes
from benchmarks.trainer import Trainer
from models.checkpoint import load_generator
from models.config import TrainingConfig
from models.presets import PRESETS

TINY = replace(PRESETS["dcgan"].config, width=8, batch_size=8, images=32, shape=(32, 32, 3))


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """A file of weights that have learnt nothing: it is only read here."""
    save_model(Classifier(), str(tmp_path / "classifier.safetensors"))
    return tmp_path / "classifier.safetensors"


@pytest.mark.parametrize(
    ("shape", "told"),
    [((28, 28, 1), ["digit", "digits", "KL"]), ((32, 32, 3), ["modes", "KL"])],
)
def test_a_checkpoint_is_judged_by_its_channels(
    shape: tuple[int, int, int],
    told: list[str],
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
    assert {*told} <= {*starts}
    assert starts.count("digit") == (10 if "digit" in told else 0)
    assert grid.read_bytes().startswith(b"\x89PNG")


def test_a_preset_learns_stacks_and_is_judged(
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


def test_nothing_asked_for_is_an_error() -> None:
    with pytest.raises(SystemExit):
        parse_arguments([])


def test_the_trainers_last_checkpoint_is_handed_back(tmp_path: Path) -> None:
    pack_pictures(tmp_path / "packed", random_pictures(20, TINY.shape))
    config = replace(TINY, checkpoint_every_images=16)
    checkpoint = Trainer(tmp_path / "run", config, tmp_path / "packed").run()
    assert load_generator(checkpoint).images_seen == 32


def test_a_training_that_fails_says_why(tmp_path: Path) -> None:
    pack_pictures(tmp_path / "packed", random_pictures(20, (28, 28, 1)))
    with pytest.raises(SystemExit, match=r"the training failed: .*28"):
        Trainer(tmp_path / "run", TINY, tmp_path / "packed").run()


def test_a_training_without_a_checkpoint_says_what_to_do(tmp_path: Path) -> None:
    pack_pictures(tmp_path / "packed", random_pictures(20, TINY.shape))
    config = replace(TINY, images=10**9, checkpoint_every_images=10**9)
    with pytest.raises(SystemExit, match="checkpoint_every_images"):
        Trainer(tmp_path / "run", config, tmp_path / "packed").run(seconds=4)
