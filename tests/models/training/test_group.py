"""Two processes that share every batch train as one process does with the whole batch."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoint import load_generator
from models.config import TrainingConfig
from models.data import PackedDataset
from models.precision import Machine
from models.presets import resolve
from models.ranges import ConfigError
from models.training.group import Group
from models.training.run import TrainingRun
from models.training.trainer import run_training

ROOT = Path(__file__).resolve().parents[3]

BY_THE_CLOCK = ("progress", "state")


class EventNames:
    """Records the names of the events of a run."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def emit(self, event: str, **_: object) -> None:
        self.names.append(event)


def _run_folder(folder: Path, cats: Path, config: TrainingConfig) -> Path:
    folder.mkdir()
    run = {"config": config.to_json(), "dataset": str(cats)}
    (folder / "run.json").write_text(json.dumps(run))
    return folder


def _train_alone(folder: Path) -> list[str]:
    events = EventNames()
    assert run_training(folder, events, stopping=lambda: False) == 0
    return events.names


def _train_in_group(folder: Path) -> list[str]:
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *torchrun, "-m", "models.train", str(folder)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["event"] for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["dcgan", "mlp", "r3gan"])
def test_two_processes_give_the_weights_of_one(
    tmp_path: Path, cats: Path, machine: Machine, preset: str
) -> None:
    narrow = {"max_width": 16} if preset == "r3gan" else {}
    config = resolve(
        preset,
        shape=(64, 64, 3),
        images=64,
        batch_size=16,
        overrides={"width": 8, "precision": "float32"} | narrow,
    )
    config = replace(config, ema_half_life_images=0, ema_half_life_images_final=None)
    folders = [_run_folder(tmp_path / name, cats, config) for name in ("alone", "together")]
    names = _train_alone(folders[0]), _train_in_group(folders[1])
    compared = [[name for name in list_ if name not in BY_THE_CLOCK] for list_ in names]
    assert compared[0] == compared[1]  # the second process emits nothing
    files = [folder / "checkpoints" / "64.safetensors" for folder in folders]
    one, two = (load_generator(file).generator.state_dict() for file in files)
    start = TrainingRun(config, PackedDataset(cats), machine).gan.generator.state_dict()
    for name, tensor in one.items():
        if name.endswith("weight") and tensor.ndim > 1:
            # Adam's first steps turn a tiny difference of a gradient near 0 into a whole step.
            assert (two[name] - tensor).norm() < 0.1 * (tensor - start[name]).norm(), name


def _health_values(folder: Path, *datasets: Path) -> list[list[dict[str, float]]]:
    """The health values of each of two processes, in each run on a pair of `datasets`."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = Path(__file__).with_name("watched_in_group.py")
    done = subprocess.run(
        [sys.executable, *torchrun, str(script), str(folder / "values"), *map(str, datasets)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"values{rank}").read_text()) for rank in range(2)]


@pytest.mark.slow
def test_two_processes_read_health_from_the_mean_of_their_values(
    tmp_path: Path, cats: Path
) -> None:
    whole, half = tmp_path / "whole", tmp_path / "half"
    for folder, pictures in ((whole, 300), (half, 150)):
        folder.mkdir()
        np.save(folder / "images.npy", np.load(cats / "images.npy")[:pictures] // 2)
    one, two = _health_values(tmp_path, cats, whole, cats, half)
    assert one == two
    of_whole, of_half = one
    assert "mode_collapse" in of_whole
    assert "mode_collapse" in of_half
    assert "overfitting" in of_whole
    assert "overfitting" not in of_half  # the second process holds out none of 150


def test_a_group_of_one_has_all_rows() -> None:
    group, rows = Group(), torch.arange(6)
    assert torch.equal(group.own_rows(rows), rows)
    assert torch.equal(Group(rank=1, size=2).own_rows(rows), torch.tensor([3, 4, 5]))
    assert group.any(True)
    assert not group.any(False)


def test_a_batch_size_that_is_no_multiple_of_the_processes_is_refused(
    cats: Path, config: TrainingConfig, machine: Machine
) -> None:
    with pytest.raises(ConfigError, match="batch_size 16 cannot be shared by 3 processes"):
        TrainingRun(config, PackedDataset(cats), machine, Group(rank=0, size=3))
