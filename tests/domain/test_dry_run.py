"""The estimate of a dry run, from the cost of a step."""

from dataclasses import replace
from typing import Any

import pytest
from servers import ON_POSTGRESQL

from app.domain.database import Database
from app.domain.dry_run import dry_run_training, estimate_run, resident_bytes
from app.domain.errors import Conflict
from app.domain.settings import Settings
from app.domain.step_timing import StepCost, StepMeter
from app.domain.tables import Checkpoint, Dataset, Job, Model
from models.config import TrainingConfig

CONFIG = TrainingConfig(images=640_000, batch_size=64, checkpoint_every_images=64_000)
STEP = StepCost("cpu", 0.1, 64, 500 << 20, 8 << 30, 10 << 20, 30 << 20)
SAMPLES = 2 + 640_000 // 30_000
SAMPLE_BYTES = round(SAMPLES * 64 * 64 * 64 * 3 * 0.8)


def test_the_seconds_are_those_of_the_steps_with_overhead() -> None:
    estimate = estimate_run(CONFIG, STEP, Settings(), 3000)
    assert estimate.seconds == pytest.approx(10_000 * 0.1 * 1.06 + 5)
    assert estimate.images_per_second == pytest.approx(640)
    several = replace(CONFIG, discriminator_steps=5)
    assert estimate_run(several, STEP, Settings(), 3000).seconds == pytest.approx(
        2_000 * 0.1 * 1.06 + 5
    )


def test_the_disk_holds_the_kept_checkpoints_the_states_and_the_samples() -> None:
    estimate = estimate_run(CONFIG, STEP, Settings(), 3000)
    assert (estimate.checkpoints, estimate.kept) == (10, 10)
    assert estimate.disk_bytes == (10 * 10 + 4 * 30 << 20) + SAMPLE_BYTES


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        ({"checkpoints_kept": 4}, 4),
        ({"checkpoint_budget_mb": 35}, 3),
        ({"checkpoint_budget_mb": 1}, 1),
    ],
)
def test_retention_limits_the_checkpoints_but_keeps_at_least_one(
    limits: dict[str, int], kept: int
) -> None:
    estimate = estimate_run(CONFIG, STEP, Settings(**limits), 3000)  # type: ignore[arg-type]
    assert (estimate.checkpoints, estimate.kept) == (10, kept)
    assert estimate.disk_bytes == (kept * 10 + 4 * 30 << 20) + SAMPLE_BYTES


def test_a_slow_training_stores_checkpoints_by_the_clock() -> None:
    assert estimate_run(CONFIG, replace(STEP, step_seconds=1.0), Settings(), 3000).checkpoints == 36


def test_without_a_timed_step_the_duration_is_unknown() -> None:
    estimate = estimate_run(CONFIG, replace(STEP, step_seconds=None), Settings(), 3000)
    assert (estimate.seconds, estimate.images_per_second, estimate.checkpoints) == (None, None, 10)


def test_a_small_dataset_is_held_in_memory_and_a_large_one_is_not() -> None:
    assert resident_bytes(3000, CONFIG, STEP) == 3000 * 64 * 64 * 3
    assert resident_bytes(10**6, CONFIG, STEP) == 0
    assert estimate_run(CONFIG, STEP, Settings(), 3000).memory_bytes == (500 << 20) + 3000 * 12_288


def test_a_gpu_holds_a_dataset_of_up_to_half_its_free_memory() -> None:
    gpu = replace(STEP, device="cuda")
    assert resident_bytes(300_000, CONFIG, gpu) == 300_000 * 64 * 64 * 3
    assert resident_bytes(10**6, CONFIG, gpu) == 0


@pytest.mark.slow
@ON_POSTGRESQL
def test_a_dry_run_of_a_fine_tuning_leaves_no_row(database: Database) -> None:
    begun = TrainingConfig(preset="mlp", architecture="mlp", shape=(28, 28, 1), width=8)
    request: dict[str, Any] = {
        **{"dataset": "digits", "model": "tuned", "preset": None, "images": 640, "epochs": None},
        **{"batch_size": 2, "seed": None, "resume_from": "digits", "stability": None},
        "overrides": {},
    }
    with database.write() as session:
        dataset = Dataset(id="d", name="digits", status="ingesting", job="j", request={})
        session.add_all([dataset, Model(name="digits")])
        session.flush()
        stored = {"images_seen": 64, "key": "k", "sha256": "", "bytes": 7}
        session.add(Checkpoint(id="c", model="digits", config=begun.to_json(), **stored))
    meter = StepMeter(limit_seconds=300)
    with pytest.raises(Conflict, match="not ready"):
        dry_run_training(database, Settings(), meter, request)
    with database.write() as session:
        dataset = session.query(Dataset).one()
        dataset.status, dataset.images, dataset.shape = "ready", 600, [28, 28, 1]
    dry_run = dry_run_training(database, Settings(), meter, request)
    assert (dry_run.config["width"], dry_run.config["images"]) == (8, 640)
    assert dry_run.estimate["seconds"] > 5
    assert any("too few to learn much" in warning.sentence() for warning in dry_run.warnings)
    with database.read() as session:
        assert session.query(Job).count() == 0
        assert session.query(Model).count() == 1
