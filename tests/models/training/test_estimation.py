"""The estimate of a training, compared with a real one."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.checkpoint import save_checkpoint
from models.child_process import ORPHANED
from models.config import TrainingConfig
from models.data import PackedDataset
from models.onnx_writer import write_onnx
from models.precision import Machine
from models.training import estimation
from models.training.estimation import StepTimes, measure, random_dataset, run_estimate, sizes
from models.training.run import TrainingRun
from models.training.state import save_state

ROOT = Path(__file__).resolve().parents[3]
CONFIGS = [
    TrainingConfig(width=8, batch_size=4),
    TrainingConfig(architecture="mlp", shape=(28, 28, 1), width=32, batch_size=4),
    TrainingConfig(
        architecture="r3gan", width=8, max_width=32, batch_size=4, conditional=True,
        classes=("a", "b"), discriminator_normalisation="none", generator_normalisation="none",
    ),
]  # fmt: skip


class RecordedEvents:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def emit(self, event: str, **values: Any) -> None:
        self.events.append((event, values))


def write(folder: Path, config: TrainingConfig) -> Path:
    (folder / "run.json").write_text(json.dumps({"config": config.to_json()}))
    return folder


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.architecture)
def test_the_sizes_are_those_of_the_files(
    config: TrainingConfig, tmp_path: Path, machine: Machine
) -> None:
    run = TrainingRun(config, random_dataset(tmp_path, config), machine)
    run.step()
    checkpoint, onnx, state = (tmp_path / name for name in ("checkpoint", "onnx", "state"))
    generator = run.served_generator()
    save_checkpoint(checkpoint, generator, run.gan.discriminator, config, 4)
    write_onnx(onnx, generator, config, 4, "")
    save_state(state, run)
    expected = sizes(config)
    # A file also has a description and the random states.
    for paths, size in (([checkpoint, onnx], "checkpoint_bytes"), ([state], "state_bytes")):
        written = sum(path.stat().st_size for path in paths)
        assert expected[size] <= written <= 1.02 * expected[size] + 30_000
    assert expected["weight_bytes"] > expected["state_bytes"]


def test_a_small_batch_is_timed_before_a_larger_one(tmp_path: Path) -> None:
    recorded = RecordedEvents()
    run_estimate(write(tmp_path, replace(CONFIGS[1], batch_size=8)), recorded)
    assert [event for event, _ in recorded.events] == ["sizes", "step", "step"]
    (_, first), (_, last) = recorded.events[1:]
    assert first["batch_size"] == 4
    assert 4 < last["batch_size"] <= 8
    for step in (first, last):
        assert step["step_seconds"] > 0
        assert step["memory_bytes"] > recorded.events[0][1]["weight_bytes"]


def test_no_step_is_taken_if_the_weights_do_not_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "free_memory", lambda _machine: 1000)
    recorded = RecordedEvents()
    run_estimate(write(tmp_path, CONFIGS[0]), recorded)
    ((event, values),) = recorded.events
    assert event == "sizes"
    assert values["memory_bytes"] > values["free_bytes"]


def test_the_time_of_rare_penalties_is_spread_over_all_steps(
    tmp_path: Path, machine: Machine
) -> None:
    config = replace(CONFIGS[0], r1=1.0, penalty_every_steps=64)
    dataset: PackedDataset = random_dataset(tmp_path, config)
    rare = measure(config, dataset, machine, seconds=0.0)
    assert rare.step_seconds > 0


def test_timing_ends_as_soon_as_the_mean_is_precise(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = iter([9.0, 1.0, 3.0, 1.8, 2.2])  # the first is that of the warm-up
    monkeypatch.setattr(estimation, "_timed_step", lambda _run: next(steps))
    monkeypatch.setattr(estimation, "MIN_SECONDS", 0.0)
    monkeypatch.setattr(estimation, "MAX_RELATIVE_ERROR", 0.25)
    dataset = random_dataset(tmp_path, CONFIGS[0])
    assert measure(CONFIGS[0], dataset, machine, seconds=60.0).step_seconds == 2.0
    assert next(steps, None) is None  # relative errors after 2, 3 and 4 steps: 0.50, 0.30, 0.21


def test_a_precise_mean_does_not_end_the_timing_before_its_minimum(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[float] = []

    def equal_step(_run: TrainingRun) -> float:
        steps.append(1.0)
        return 1.0

    monkeypatch.setattr(estimation, "_timed_step", equal_step)
    monkeypatch.setattr(estimation, "MIN_SECONDS", 60.0)
    measure(CONFIGS[0], random_dataset(tmp_path, CONFIGS[0]), machine, seconds=0.05)
    assert len(steps) > 4  # two after the warm-up would be precise


def test_the_error_is_known_when_each_kind_of_step_was_timed_twice() -> None:
    times = StepTimes(penalised_share=0.25, warm_up_seconds=9.0)
    for seconds, has_penalties in ((3.0, True), (1.0, False), (3.0, False)):
        times.add(seconds, has_penalties)
    assert times.relative_error() == math.inf
    times.add(5.0, True)
    assert times.mean() == 0.25 * 4 + 0.75 * 2
    assert times.relative_error() == pytest.approx(math.hypot(0.25 * 1.0, 0.75 * 1.0) / 2.5)


def test_a_kind_of_step_that_was_not_timed_counts_as_a_penalised_step() -> None:
    plain, penalised = StepTimes(0.25, 9.0), StepTimes(0.25, 9.0)
    plain.add(1.0, has_penalties=False)
    penalised.add(4.0, has_penalties=True)
    assert plain.mean() == 0.25 * 9 + 0.75 * 1
    assert penalised.mean() == 4.0


@pytest.mark.slow
def test_the_process_ends_with_its_supervisor(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "models.estimate", str(write(tmp_path, CONFIGS[0]))],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(60) == ORPHANED
