"""What a training would take: the size of its networks, and real steps on random pictures."""

import gc
import json
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import numpy as np
import torch

from models.checkpoint import NotFiniteError
from models.child_process import Events
from models.config import TrainingConfig
from models.data import PackedDataset
from models.networks.build import build_discriminator, build_generator
from models.precision import Machine, choose_machine
from models.resources import free_memory, peak_memory
from models.training.run import TrainingRun

PICTURES = 64  # any will do: no step depends on what they show
FIRST_BATCH = 4
FIRST_SECONDS = 0.5  # of steps at that batch, which say how much the whole one may take
SECONDS = 3.0  # of steps at the whole batch; a step that may take longer is not tried
WARM_STEPS = {"cpu": 1, "cuda": 12}  # the first ones set the libraries up, or record the graph
FREE_SHARE = 0.6  # of the free memory: a batch that may take more is not tried
MOMENTS = 2  # that Adam keeps of each weight


class Timing(NamedTuple):
    """Seconds of a step, its penalties spread over those without; the memory taken by then."""

    step_seconds: float
    memory_bytes: int


def run_estimate(folder: Path, events: Events) -> None:
    """Emit what the configuration in `folder`/run.json takes, as far as this machine can tell."""
    config = TrainingConfig.from_json(json.loads((folder / "run.json").read_text())["config"])
    machine = choose_machine(config.precision)
    machine.prepare()
    before, free = peak_memory(machine.device), free_memory(machine.device)
    found = sizes(config)
    events.emit(
        "sizes",
        device=machine.device.type,
        precision=machine.precision,
        memory_bytes=before + found["weight_bytes"],
        free_bytes=before + free,
        **found,
    )
    if found["weight_bytes"] > FREE_SHARE * free:
        return
    dataset = random_dataset(folder, config)
    first = min(config.batch_size, FIRST_BATCH)
    seconds = SECONDS if first == config.batch_size else FIRST_SECONDS
    timing = measure(replace(config, batch_size=first), dataset, machine, seconds)
    events.emit("step", batch_size=first, **timing._asdict())
    # Time and memory are taken to grow with the batch, which is more than they do.
    growth = min(
        SECONDS / timing.step_seconds,
        FREE_SHARE * free / max(1, timing.memory_bytes - before),
    )
    largest = min(config.batch_size, int(first * growth))
    if largest > first:
        gc.collect()
        timing = measure(replace(config, batch_size=largest), dataset, machine, SECONDS)
        events.emit("step", batch_size=largest, **timing._asdict())


def sizes(config: TrainingConfig) -> dict[str, int]:
    """Bytes of a checkpoint, of a training state, and of all weights in training; none is taken."""
    with torch.device("meta"):
        networks = build_generator(config), build_discriminator(config)
    generator, critic = (sum(one.nbytes for one in part.state_dict().values()) for part in networks)
    learnt = sum(one.nbytes for part in networks for one in part.parameters())
    state = generator + critic + generator + MOMENTS * learnt  # the average is a generator too
    return {
        "checkpoint_bytes": generator + critic,
        "state_bytes": state,
        "weight_bytes": state + learnt,  # with their gradients
    }


def random_dataset(folder: Path, config: TrainingConfig) -> PackedDataset:
    """A packed dataset of noise that fits the configuration."""
    random = np.random.default_rng(0)
    np.save(folder / "images.npy", random.integers(0, 256, (PICTURES, *config.shape), np.uint8))
    if config.classes:
        np.save(folder / "labels.npy", random.integers(0, len(config.classes), PICTURES))
    return PackedDataset(folder)


def measure(
    config: TrainingConfig, dataset: PackedDataset, machine: Machine, seconds: float
) -> Timing:
    """The steps that `seconds` hold, at least one, after the first ones, which set things up."""
    run = TrainingRun(config, dataset, machine)
    warm = [_step(run) for _ in range(WARM_STEPS[machine.device.type])]
    plain: list[float] = []
    penalised: list[float] = []
    end = time.perf_counter() + seconds
    while not plain + penalised or time.perf_counter() < end:
        due = run.images_seen // run.images_per_step % config.penalty_every_steps == 0
        (penalised if due else plain).append(_step(run))
    share = 1 / config.penalty_every_steps
    step_seconds = share * mean(penalised or warm[:1]) + (1 - share) * mean(plain or penalised)
    return Timing(step_seconds, peak_memory(machine.device))


def _step(run: TrainingRun) -> float:
    """Its seconds, until the device is done."""
    began = time.perf_counter()
    run.step()
    with suppress(NotFiniteError):  # noise may well lead to what is no number; it takes as long
        run.losses()
    return time.perf_counter() - began
