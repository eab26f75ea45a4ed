"""The cost of a step: measured by a real process, and extrapolated."""

import sys
import time
from dataclasses import replace
from typing import Any

import pytest

from app.domain.errors import Unavailable
from app.domain.step_timing import StepCost, StepMeter, extrapolate
from models.config import TrainingConfig

TINY = TrainingConfig(architecture="mlp", shape=(28, 28, 1), width=8, batch_size=2)
SIZES: dict[str, Any] = {
    "device": "cpu",
    "memory_bytes": 1000,
    "free_bytes": 10**9,
    "checkpoint_bytes": 7,
    "state_bytes": 21,
}


def step(batch_size: int, seconds: float, memory: int) -> dict[str, Any]:
    return {
        "batch_size": batch_size,
        "step_seconds": seconds,
        "memory_bytes": memory,
        "waiting_share": 0.0,
    }


def at_64(*steps: dict[str, Any]) -> StepCost:
    return extrapolate(SIZES, list(steps), replace(TINY, batch_size=64))


@pytest.mark.slow
def test_real_steps_are_timed_once_for_trainings_with_steps_of_the_same_cost() -> None:
    meter = StepMeter(limit_seconds=300)
    measured = meter.measure(TINY)
    assert measured.step_seconds is not None
    assert 0 < measured.step_seconds < 60
    assert (measured.batch_size, measured.memory_bytes < measured.free_bytes) == (2, True)
    assert measured.state_bytes > measured.checkpoint_bytes > 0
    longer = replace(TINY, images=10**9, seed=7, preset="mine", stability="auto")
    assert meter.measure(longer) is measured


@pytest.mark.slow
def test_a_far_too_large_training_is_answered_within_the_time_limit() -> None:
    huge = TrainingConfig(shape=(256, 256, 3), width=256, max_width=2048, batch_size=1024)
    began = time.monotonic()
    try:
        measured = StepMeter(limit_seconds=5).measure(huge)
    except Unavailable:  # not even the sizes were measured in time
        pass
    else:
        assert measured.batch_size < 1024
        assert measured.checkpoint_bytes > 10**9
    assert time.monotonic() - began < 30


@pytest.mark.slow
def test_a_measurement_without_sizes_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="try again"):
        StepMeter(limit_seconds=0.05).measure(TINY)


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(Unavailable, match=r"this machine needs the extra train .*moggy\[train\]"):
        StepMeter().measure(TINY)


def test_a_timed_whole_batch_is_not_extrapolated() -> None:
    measured = at_64(step(4, 0.01, 2000), step(64, 0.1, 5000))
    assert (measured.step_seconds, measured.memory_bytes, measured.batch_size) == (0.1, 5000, 64)


def test_the_whole_batch_is_on_the_line_through_the_last_two_timed_batches() -> None:
    measured = at_64(step(4, 2.0, 2000), step(8, 3.0, 3000))
    assert (measured.step_seconds, measured.batch_size) == (3.0 + 56 * 0.25, 8)
    assert measured.memory_bytes == 3000 + 56 * 250


def test_from_a_single_batch_time_is_proportional_and_memory_adds_to_the_weights() -> None:
    measured = at_64(step(4, 10.0, 1400))
    assert measured.step_seconds == 160.0
    assert measured.memory_bytes == 1000 + 64 * 100


def test_a_larger_batch_that_was_faster_by_chance_does_not_reduce_the_estimate() -> None:
    assert at_64(step(4, 2.0, 2000), step(8, 1.0, 2000)).step_seconds == 1.0


def test_without_a_timed_step_only_the_sizes_are_known() -> None:
    measured = at_64()
    assert (measured.step_seconds, measured.batch_size, measured.memory_bytes) == (None, 0, 1000)


MEASURED = StepCost(
    device="cuda", step_seconds=0.01, batch_size=64, memory_bytes=1, free_bytes=2,
    checkpoint_bytes=3, state_bytes=4,
)  # fmt: skip
CONFIG = TrainingConfig(batch_size=64)


@pytest.mark.parametrize(("waiting_share", "remembered"), [(0.1, True), (0.6, False)])
def test_what_other_work_distorted_is_soon_measured_again(
    waiting_share: float, remembered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = [replace(MEASURED, waiting_share=waiting_share), MEASURED]
    meter = StepMeter(measure_remotely=lambda _: measured.pop(0))
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    first = meter.measure(CONFIG)
    now += 60
    assert (meter.measure(CONFIG) == first) == remembered
