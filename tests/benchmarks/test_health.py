"""The health benchmark: a run that fails also has a row in the table."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.health import CASES, describe, parse_arguments, report, watch
from models.config import TrainingConfig
from models.data import PackedDataset
from models.precision import choose_machine
from models.training.run import TrainingRun


def test_a_failed_run_is_recorded_and_the_table_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3), np.uint8)
    np.save(tmp_path / "images.npy", pictures)
    config = TrainingConfig(width=8, batch_size=16, images=640, precision="float32")
    run = TrainingRun(config, PackedDataset(tmp_path), choose_machine("float32"))
    with torch.no_grad():
        next(run.gan.generator.parameters()).fill_(float("nan"))
    result = watch(run, verbose=False)
    healthy = next(case for case in CASES if case.signal is None)
    assert not result.passed(healthy)
    assert "became nan at 16 images seen" in describe(healthy, result)
    report([(healthy, result)])
    assert "| healthy dcgan | 640, generator_loss became nan at 16 images seen |" in (
        capsys.readouterr().out
    )


def test_a_healthy_run_is_as_long_as_its_preset_says() -> None:
    assert parse_arguments(["--dataset", "cats"]).images is None
