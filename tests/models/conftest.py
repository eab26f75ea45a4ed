"""Real cats, packed small, and configurations that train in moments."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import real_images
from training_runs import CPU, PRECISIONS

from models.config import TrainingConfig
from models.data import PackedDataset
from models.precision import Machine, choose_machine
from models.training.run import TrainingRun

PICTURES = 300


@pytest.fixture(scope="session")
def cats(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed dataset folder of the first 300 cats, 64×64 RGB."""
    folder = tmp_path_factory.mktemp("cats")
    np.save(folder / "images.npy", real_images.cats(shared_data, PICTURES))
    (folder / "dataset.json").write_text("{}")
    return folder


@pytest.fixture
def config() -> TrainingConfig:
    """The article's networks at a quarter of their width: 640 images of batch 16."""
    return TrainingConfig(
        width=8,
        batch_size=16,
        images=640,
        seed=5,
        sample_every_images=160,
        checkpoint_every_images=320,
        precision="float32",
    )


@pytest.fixture
def machine() -> Machine:
    return replace(choose_machine("float32"), device=CPU)


@pytest.fixture(params=PRECISIONS)
def precise_machine(request: pytest.FixtureRequest, machine: Machine) -> Machine:
    """The CPU in float32, and in bfloat16 where it is native."""
    return replace(machine, precision=request.param)


@pytest.fixture
def new_run(cats: Path, config: TrainingConfig, machine: Machine) -> TrainingRun:
    return TrainingRun(config, PackedDataset(cats), machine)
