"""What a step takes, by a real process: cut off in time, remembered, reckoned where it was cut."""

import time
from dataclasses import replace
from typing import Any

import pytest

from app.domain.errors import Unavailable
from app.domain.step_timing import Measured, StepMeter, understood
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
    return {"batch_size": batch_size, "step_seconds": seconds, "memory_bytes": memory}


def at_64(*steps: dict[str, Any]) -> Measured:
    return understood(SIZES, list(steps), replace(TINY, batch_size=64))


@pytest.mark.slow
def test_real_steps_are_timed_once_for_all_trainings_that_differ_in_nothing_they_depend_on() -> (
    None
):
    meter = StepMeter(deadline_seconds=300)
    measured = meter.measure(TINY)
    assert measured.step_seconds is not None
    assert 0 < measured.step_seconds < 60
    assert (measured.batch_size, measured.memory_bytes < measured.free_bytes) == (2, True)
    assert measured.state_bytes > measured.checkpoint_bytes > 0
    longer = replace(TINY, images=10**9, seed=7, preset="mine", stability="auto")
    assert meter.measure(longer) is measured


@pytest.mark.slow
def test_a_training_far_too_large_is_answered_in_time_too() -> None:
    huge = TrainingConfig(shape=(256, 256, 3), width=256, max_width=2048, batch_size=1024)
    began = time.monotonic()
    try:
        measured = StepMeter(deadline_seconds=8).measure(huge)
    except Unavailable:  # it did not even come to the sizes
        pass
    else:
        assert measured.batch_size < 1024
        assert measured.checkpoint_bytes > 10**9
    assert time.monotonic() - began < 30


@pytest.mark.slow
def test_where_not_even_the_sizes_come_in_time_it_says_so() -> None:
    with pytest.raises(Unavailable, match="try again"):
        StepMeter(deadline_seconds=0.05).measure(TINY)


def test_the_whole_batch_as_it_was_timed() -> None:
    measured = at_64(step(4, 0.01, 2000), step(64, 0.1, 5000))
    assert (measured.step_seconds, measured.memory_bytes, measured.batch_size) == (0.1, 5000, 64)


def test_a_batch_that_was_not_tried_is_on_the_line_through_those_that_were() -> None:
    measured = at_64(step(4, 2.0, 2000), step(8, 3.0, 3000))
    assert (measured.step_seconds, measured.batch_size) == (3.0 + 56 * 0.25, 8)
    assert measured.memory_bytes == 3000 + 56 * 250


def test_from_a_single_small_batch_time_grows_in_proportion_and_memory_above_the_weights() -> None:
    measured = at_64(step(4, 10.0, 1400))
    assert measured.step_seconds == 160.0
    assert measured.memory_bytes == 1000 + 64 * 100


def test_a_larger_batch_that_was_faster_by_chance_shortens_nothing() -> None:
    assert at_64(step(4, 2.0, 2000), step(8, 1.0, 2000)).step_seconds == 1.0


def test_without_a_step_only_the_sizes_are_known() -> None:
    measured = at_64()
    assert (measured.step_seconds, measured.batch_size, measured.memory_bytes) == (None, 0, 1000)
