"""A dry run's figures, from what a step takes."""

from dataclasses import replace

import pytest

from app.domain.database import Database
from app.domain.dry_run import dry_run_training, estimate_run, resident_bytes
from app.domain.errors import Conflict
from app.domain.settings import Settings
from app.domain.step_timing import StepCost, StepMeter
from app.domain.tables import Checkpoint, Dataset, Job, Model
from models.config import TrainingConfig

CONFIG = TrainingConfig(images=640_000, batch_size=64, checkpoint_every_images=64_000)
MEASURED = StepCost("cpu", 0.1, 64, 500 << 20, 8 << 30, 10 << 20, 30 << 20)
SAMPLES = 2 + 640_000 // 30_000
SAMPLE_BYTES = round(SAMPLES * 64 * 64 * 64 * 3 * 0.8)


def test_seconds_are_the_steps_and_what_is_done_beside_them() -> None:
    quoted = estimate_run(CONFIG, MEASURED, Settings(), 3000)
    assert quoted.seconds == pytest.approx(10_000 * 0.1 * 1.06 + 5)
    assert quoted.images_per_second == pytest.approx(640)
    critic = replace(CONFIG, discriminator_steps=5)
    assert estimate_run(critic, MEASURED, Settings(), 3000).seconds == pytest.approx(
        2_000 * 0.1 * 1.06 + 5
    )


def test_the_disk_holds_the_checkpoints_that_are_kept_the_states_and_the_samples() -> None:
    quoted = estimate_run(CONFIG, MEASURED, Settings(), 3000)
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
    quoted = estimate_run(CONFIG, MEASURED, Settings(**limits), 3000)  # type: ignore[arg-type]
    assert (quoted.checkpoints, quoted.kept) == (10, kept)
    assert quoted.disk_bytes == (kept * 10 + 4 * 30 << 20) + SAMPLE_BYTES


def test_a_slow_training_makes_checkpoints_by_the_clock() -> None:
    assert (
        estimate_run(CONFIG, replace(MEASURED, step_seconds=1.0), Settings(), 3000).checkpoints
        == 36
    )


def test_without_a_step_there_is_no_time_and_still_a_disk() -> None:
    quoted = estimate_run(CONFIG, replace(MEASURED, step_seconds=None), Settings(), 3000)
    assert (quoted.seconds, quoted.images_per_second, quoted.checkpoints) == (None, None, 10)


def test_a_small_dataset_is_held_in_memory_and_a_large_one_is_not() -> None:
    assert resident_bytes(3000, CONFIG, MEASURED) == 3000 * 64 * 64 * 3
    assert resident_bytes(10**6, CONFIG, MEASURED) == 0
    assert (
        estimate_run(CONFIG, MEASURED, Settings(), 3000).memory_bytes == (500 << 20) + 3000 * 12_288
    )


def test_a_gpu_holds_what_half_of_its_free_memory_can() -> None:
    gpu = replace(MEASURED, device="cuda")
    assert resident_bytes(300_000, CONFIG, gpu) == 300_000 * 64 * 64 * 3
    assert resident_bytes(10**6, CONFIG, gpu) == 0


@pytest.mark.slow
def test_a_fine_tuning_is_quoted_without_a_trace_in_the_database(database: Database) -> None:
    begun = TrainingConfig(preset="mlp", architecture="mlp", shape=(28, 28, 1), width=8)
    request = {
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
    quoted = dry_run_training(database, Settings(), meter, request)
    assert (quoted.config["width"], quoted.config["images"]) == (8, 640)
    assert quoted.estimate["seconds"] > 5
    assert any("too few to learn much" in one for one in quoted.warnings)
    with database.read() as session:
        assert session.query(Job).count() == 0
        assert session.query(Model).count() == 1
