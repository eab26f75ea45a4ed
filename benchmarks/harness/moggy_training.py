"""Moggy's side of a comparison: a training run set up as `python -m models.train` does it."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.harness.device_limits import settle
from benchmarks.harness.packed_datasets import pack, random_images
from benchmarks.harness.turns import answer_turns
from models.config import TrainingConfig
from models.data import PackedDataset
from models.precision import choose_machine
from models.training.run import TrainingRun

Answers = Mapping[str, Callable[[], float]]
DATASET_IMAGES = 3000


def open_run(config: TrainingConfig, dataset: Path, device: str | None = None) -> TrainingRun:
    """A run on the packed dataset, on `device` or else on the device that the trainer chooses."""
    machine = choose_machine(config.precision)
    if device is not None and device != machine.device.type:
        machine = replace(machine, device=torch.device(device), precision="float32")
    machine.prepare()
    packed = PackedDataset(dataset)
    packed.move_to(machine.device)
    return TrainingRun(config, packed, machine)


def step_of(run: TrainingRun) -> Callable[[], None]:
    """A function that takes one step, and reads its losses as often as the training loop does."""

    def step() -> None:
        run.step()
        if run.read_due:
            run.read_report()

    return step


def describe(run: TrainingRun) -> str:
    machine = run.machine
    return f"{machine.device.type}, {machine.precision}, {machine.threads} threads"


def run_side(
    config: TrainingConfig,
    seconds: float,
    answers: Callable[[TrainingRun], Answers] = lambda _: {},
    device: str | None = None,
) -> None:
    """Answer the turns of a comparison as Moggy's trainer, on random images."""
    with tempfile.TemporaryDirectory(prefix="moggy-benchmark-") as folder:
        pack(Path(folder), random_images(DATASET_IMAGES, config.shape))
        run = open_run(config, Path(folder), device)
        answer_turns(
            describe(run),
            step_of(run),
            run.images_per_step,
            seconds,
            answers(run),
            lambda: settle(run.machine.device),
        )
