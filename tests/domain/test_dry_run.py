"""A dry run's figures, from what a step takes."""

from dataclasses import replace

import pytest

from app.domain.dry_run import reckon, resident
from app.domain.measuring import Measured
from app.domain.settings import Settings
from models.config import TrainingConfig

CONFIG = TrainingConfig(images=640_000, batch_size=64, checkpoint_every_images=64_000)
MEASURED = Measured("cpu", 0.1, 64, 500 << 20, 8 << 30, 10 << 20, 30 << 20)
SAMPLES = 2 + 640_000 // 30_000
SAMPLE_BYTES = round(SAMPLES * 64 * 64 * 64 * 3 * 0.8)


def test_seconds_are_the_steps_and_what_is_done_beside_them() -> None:
    quoted = reckon(CONFIG, MEASURED, Settings())
    assert quoted.seconds == pytest.approx(10_000 * 0.1 * 1.06 + 5)
    assert quoted.images_per_second == pytest.approx(640)
    critic = replace(CONFIG, discriminator_steps=5)
    assert reckon(critic, MEASURED, Settings()).seconds == pytest.approx(2_000 * 0.1 * 1.06 + 5)


def test_the_disk_holds_the_checkpoints_that_are_kept_the_states_and_the_samples() -> None:
    quoted = reckon(CONFIG, MEASURED, Settings())
    assert (quoted.checkpoints, quoted.kept) == (10, 10)
    assert quoted.disk_bytes == (10 * 10 + 4 * 30 << 20) + SAMPLE_BYTES


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        ({"checkpoints_kept": 4}, 4),
        ({"checkpoint_budget_mb": 35}, 3),
        ({"checkpoint_budget_mb": 1}, 1),
    ],
)
def test_retention_limits_the_checkpoints_but_never_to_none(
    limits: dict[str, int], kept: int
) -> None:
    quoted = reckon(CONFIG, MEASURED, Settings(**limits))  # type: ignore[arg-type]
    assert (quoted.checkpoints, quoted.kept) == (10, kept)
    assert quoted.disk_bytes == (kept * 10 + 4 * 30 << 20) + SAMPLE_BYTES


def test_a_slow_training_makes_checkpoints_by_the_clock() -> None:
    assert reckon(CONFIG, replace(MEASURED, step_seconds=1.0), Settings()).checkpoints == 36


def test_without_a_step_there_is_no_time_and_still_a_disk() -> None:
    quoted = reckon(CONFIG, replace(MEASURED, step_seconds=None), Settings())
    assert (quoted.seconds, quoted.images_per_second, quoted.checkpoints) == (None, None, 10)


def test_a_small_dataset_is_held_in_memory_and_a_large_one_is_not() -> None:
    assert resident(3000, CONFIG) == 3000 * 64 * 64 * 3
    assert resident(10**6, CONFIG) == 0
