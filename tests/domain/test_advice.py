"""What is warned of before a training, each by its own cause and by nothing else."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.advice import Quoted, warnings
from app.domain.step_timing import Measured
from app.domain.tables import Dataset
from models.config import TrainingConfig

CONFIG = TrainingConfig(images=700_000, augmentation="translation", horizontal_flip=True)
MEASURED = Measured(
    device="cpu",
    step_seconds=0.08,
    batch_size=64,
    memory_bytes=500_000_000,
    free_bytes=8_000_000_000,
    checkpoint_bytes=7_000_000,
    state_bytes=26_000_000,
)
QUOTED = Quoted(900.0, 800.0, MEASURED.memory_bytes, 100_000_000, 10, 10)


def finding(kind: str, share: float, suggests: str | None = "Do this.") -> dict[str, Any]:
    return {"kind": kind, "share": share, "says": f"{kind} found.", "suggests": suggests}


def cats(**changes: Any) -> Dataset:
    values = {"images": 3000, "name": "cats", "horizontal_flip": True, "request": {}}
    return Dataset(**values | changes)


def told(
    dataset: Dataset | None = None,
    config: TrainingConfig = CONFIG,
    measured: Measured = MEASURED,
    quoted: Quoted = QUOTED,
) -> list[str]:
    return warnings(dataset or cats(), config, measured, quoted)


def test_a_sound_training_is_warned_of_nothing() -> None:
    assert told() == []
    assert told(cats(report={"doctor": None})) == []


def test_few_pictures() -> None:
    (warning,) = told(cats(images=200))
    assert "200 pictures are few" in warning


def test_what_the_doctor_found_unless_it_is_rare_or_was_dropped() -> None:
    findings = [
        finding("near_duplicates", 0.3),
        finding("blank", 0.02),
        finding("blurred", 0.005),
        finding("outliers", 0.0, None),
    ]
    report = {"doctor": {"findings": findings, "effective_images": None, "class_balance": None}}
    assert told(cats(report=report)) == [
        "near_duplicates found. Do this.",
        "blank found. Do this.",
    ]
    dropped = cats(report=report, request={"near_duplicates": "drop"})
    assert told(dropped) == ["blank found. Do this."]


def test_pictures_that_are_much_alike() -> None:
    effective = {"says": "As varied as 20.", "suggests": "Add others."}
    report = {"doctor": {"findings": [], "effective_images": effective}}
    assert told(cats(report=report)) == ["As varied as 20. Add others."]


def test_unbalanced_classes_only_where_they_are_learnt() -> None:
    balance = {"says": "3 of class x.", "suggests": "Add pictures of x."}
    dataset = cats(report={"doctor": {"class_balance": balance}})
    assert told(dataset) == []
    conditional = replace(CONFIG, conditional=True, classes=("x", "y"))
    assert told(dataset, conditional) == ["3 of class x. Add pictures of x."]


@pytest.mark.parametrize(
    ("images", "pictures", "least"),
    [(20_000, 3000, "100,000"), (200_000, 60_000, "600,000"), (900_000, 500_000, "1,000,000")],
)
def test_too_little_work(images: int, pictures: int, least: str) -> None:
    (warning,) = told(cats(images=pictures), replace(CONFIG, images=images))
    assert f"at least {least}" in warning


def test_far_more_work_than_the_pictures_bear_sooner_without_augmentation() -> None:
    plain = replace(CONFIG, augmentation="none", images=3000 * 2000)
    (warning,) = told(config=plain)
    assert "each picture 2,000 times" in warning
    assert told(config=replace(plain, augmentation="translation")) == []


def test_mirroring_against_what_the_pictures_say() -> None:
    (harmful,) = told(cats(horizontal_flip=False))
    (unknown,) = told(cats(horizontal_flip=None))
    assert "do not look like" in harmful
    assert "it is unknown" in unknown
    assert told(cats(horizontal_flip=False), replace(CONFIG, horizontal_flip=False)) == []


def test_a_machine_that_is_too_slow_too_small_or_could_not_be_measured() -> None:
    (slow,) = told(quoted=QUOTED._replace(seconds=20_000.0, images_per_second=35.0))
    assert "about 5 h 33 min on this machine (cpu, 35 images a second)" in slow
    (days,) = told(quoted=QUOTED._replace(seconds=200_000.0, images_per_second=3.5))
    assert "2 days 7 h" in days
    (small,) = told(quoted=QUOTED._replace(memory_bytes=9_000_000_000))
    assert "9.0 GB of memory, and 8.0 GB are free" in small
    (reckoned,) = told(measured=replace(MEASURED, batch_size=4))
    assert "extrapolated from a batch of 4" in reckoned
    unmeasured = replace(MEASURED, step_seconds=None, batch_size=0)
    (unknown,) = told(
        measured=unmeasured, quoted=QUOTED._replace(seconds=None, images_per_second=None)
    )
    assert "No training step ended" in unknown


def test_checkpoints_that_the_disk_budget_will_thin() -> None:
    (warning,) = told(quoted=QUOTED._replace(checkpoints=120, kept=50))
    assert "Of about 120 checkpoints 50 will be kept" in warning


def test_a_large_batch_in_a_short_run() -> None:
    short = replace(CONFIG, preset="small-data", images=200_000, batch_size=64)
    (warning,) = told(config=short)
    assert "batches of 16 learn more in the same time than batches of 64" in warning
    assert "0.48 to 0.77" in warning
    for config in (
        replace(short, batch_size=16),
        replace(short, images=700_000),
        replace(short, shape=(32, 32, 3)),
        replace(short, preset="dcgan"),
    ):
        assert told(config=config) == []
