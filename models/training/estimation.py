"""The memory and the time of a training: bytes of its networks, timed steps on random images."""

import gc
import json
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from models.checkpoint import NotFiniteError
from models.child_process import Events
from models.config import TrainingConfig
from models.data import PackedDataset
from models.networks.build import build_discriminator, build_generator
from models.precision import Machine, choose_machine
from models.resources import ProcessorWait
from models.training.run import TrainingRun

RANDOM_IMAGES = 64  # the time of a step does not depend on what they show
FIRST_BATCH_SIZE = 4
FIRST_SECONDS = 0.5  # of steps at FIRST_BATCH_SIZE, which tell how large a batch can be tried
SECONDS = 3.0  # at most, of steps at the larger batch; a step that may take longer is not tried
MIN_SECONDS = 1.0  # of steps, before their mean can count as precise
MAX_RELATIVE_ERROR = 0.01  # the standard error of a precise mean, divided by the mean
WARM_UP_STEPS = {"cpu": 1, "cuda": 12}  # they set up the libraries, or capture the CUDA graph
FREE_SHARE = 0.6  # of the free memory; a batch that may take more is not tried
ADAM_MOMENTS = 2  # values that Adam keeps of each weight


class Timing(NamedTuple):
    """Seconds of an average step, penalties included, and the memory taken by then.

    `waiting_share` of the time, 0 to 1, the steps waited for processors that other processes used.
    """

    step_seconds: float
    memory_bytes: int
    waiting_share: float


def run_estimate(folder: Path, events: Events) -> None:
    """Emit the memory and time that the configuration in `folder`/run.json takes here."""
    config = TrainingConfig.from_json(json.loads((folder / "run.json").read_text())["config"])
    machine = choose_machine(config.precision)
    machine.prepare()
    taken, free = machine.peak_memory(), machine.free_memory()
    bytes_of = sizes(config)
    events.emit(
        "sizes",
        device=machine.device.type,
        precision=machine.precision,
        memory_bytes=taken + bytes_of["weight_bytes"],
        free_bytes=taken + free,
        **bytes_of,
    )
    if bytes_of["weight_bytes"] > FREE_SHARE * free:
        return
    dataset = random_dataset(folder, config)
    first = min(config.batch_size, FIRST_BATCH_SIZE)
    seconds = SECONDS if first == config.batch_size else FIRST_SECONDS
    timing = measure(replace(config, batch_size=first), dataset, machine, seconds)
    events.emit("step", batch_size=first, **timing._asdict())
    # An upper bound: time and memory grow at most in proportion to the batch.
    growth = min(
        SECONDS / timing.step_seconds,
        FREE_SHARE * free / max(1, timing.memory_bytes - taken),
    )
    largest = min(config.batch_size, int(first * growth))
    if largest > first:
        gc.collect()
        timing = measure(replace(config, batch_size=largest), dataset, machine, SECONDS)
        events.emit("step", batch_size=largest, **timing._asdict())


def sizes(config: TrainingConfig) -> dict[str, int]:
    """Bytes of a checkpoint, of a training state and of all weights; allocates no weights."""
    with torch.device("meta"):
        networks = build_generator(config), build_discriminator(config)
    generator, discriminator = (
        sum(tensor.nbytes for tensor in network.state_dict().values()) for network in networks
    )
    parameters = sum(parameter.nbytes for network in networks for parameter in network.parameters())
    average = generator  # the average has the generator's tensors
    state = generator + discriminator + average + ADAM_MOMENTS * parameters
    gradients = parameters
    return {
        # Both files: the safetensors file, and the generator again as an ONNX file.
        "checkpoint_bytes": generator + discriminator + generator,
        "state_bytes": state,
        "weight_bytes": state + gradients,
    }


def random_dataset(folder: Path, config: TrainingConfig) -> PackedDataset:
    """A packed dataset of noise that fits the configuration."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (RANDOM_IMAGES, *config.shape), np.uint8)
    np.save(folder / "images.npy", images)
    if config.classes:
        labels = random.integers(0, len(config.classes), RANDOM_IMAGES)
        np.save(folder / "labels.npy", labels)
    return PackedDataset(folder)


def measure(
    config: TrainingConfig, dataset: PackedDataset, machine: Machine, seconds: float
) -> Timing:
    """Time steps, at least one, after those of the warm-up.

    The timing ends after `seconds`. It ends sooner, but not before MIN_SECONDS, once the relative
    error of the mean is at most MAX_RELATIVE_ERROR.
    """
    run = TrainingRun(config, dataset, machine)
    first_seconds, *_ = [_timed_step(run) for _ in range(WARM_UP_STEPS[machine.device.type])]
    times = StepTimes(1 / config.penalty_every_steps, first_seconds)
    wait = ProcessorWait()
    began = time.perf_counter()
    is_finished = False
    while not is_finished:
        has_penalties = run.images_seen // run.images_per_step % config.penalty_every_steps == 0
        times.add(_timed_step(run), has_penalties)
        elapsed = time.perf_counter() - began
        is_precise = elapsed >= MIN_SECONDS and times.relative_error() <= MAX_RELATIVE_ERROR
        is_finished = is_precise or elapsed >= seconds
    return Timing(times.mean(), machine.peak_memory(), wait.share())


class StepTimes:
    """The times of steps with and without penalties, and the time of an average step.

    A share of the steps, above 0 and at most 1, has penalties. `warm_up_seconds` is the time of a
    penalised step of the warm-up.
    """

    def __init__(self, penalised_share: float, warm_up_seconds: float) -> None:
        self._penalised_share = penalised_share
        self._warm_up_seconds = warm_up_seconds
        self._penalised: list[float] = []
        self._plain: list[float] = []

    def add(self, seconds: float, has_penalties: bool) -> None:
        (self._penalised if has_penalties else self._plain).append(seconds)

    def mean(self) -> float:
        """The seconds of an average step.

        If no plain step was timed, plain steps count as penalised ones. If no penalised step was
        timed, each counts as that of the warm-up.
        """
        share = self._penalised_share
        penalised = float(np.mean(self._penalised or [self._warm_up_seconds]))
        return share * penalised + (1 - share) * float(np.mean(self._plain or [penalised]))

    def relative_error(self) -> float:
        """The standard error of the mean divided by the mean.

        It is infinite until each kind of step was timed twice.
        """
        kinds = [(self._penalised_share, self._penalised), (1 - self._penalised_share, self._plain)]
        occurring = [(share, times) for share, times in kinds if share > 0]
        if any(len(times) < 2 for _, times in occurring):
            return float("inf")
        errors = [share * np.std(times, ddof=1) / len(times) ** 0.5 for share, times in occurring]
        return float(np.linalg.norm(errors) / self.mean())


def _timed_step(run: TrainingRun) -> float:
    """The seconds of a step, until the device has done it."""
    began = time.perf_counter()
    run.step()
    with suppress(NotFiniteError):  # noise may make the training diverge; the time is the same
        run.read_report()
    return time.perf_counter() - began
