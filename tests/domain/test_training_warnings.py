"""Each warning before a training has its own cause."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain import registry
from app.domain.database import Database
from app.domain.settings import Settings
from app.domain.step_timing import StepCost
from app.domain.tables import Checkpoint, Dataset, Job, Model
from app.domain.training import queue_training
from app.domain.training_warnings import RunEstimate, job_warnings, training_warnings
from app.domain.warning_kinds import sentences
from models.config import TrainingConfig
from models.presets import resolve

CONFIG = TrainingConfig(images=700_000, augmentation="translation", horizontal_flip=True)
STEP = StepCost(
    device="cpu",
    step_seconds=0.08,
    batch_size=64,
    memory_bytes=500_000_000,
    free_bytes=8_000_000_000,
    checkpoint_bytes=7_000_000,
    state_bytes=26_000_000,
)
ESTIMATE = RunEstimate(900.0, 800.0, STEP.memory_bytes, 100_000_000, 10, 10)


def finding(kind: str, share: float, suggests: str | None = "Do this.") -> dict[str, Any]:
    sentences = {"says": f"{kind} found.", "suggests": suggests}
    return {"kind": kind, "count": round(3000 * share), "share": share} | sentences


def cats(**changes: Any) -> Dataset:
    values = {"images": 3000, "name": "cats", "horizontal_flip": True, "request": {}}
    return Dataset(**values | changes)


def warned(
    dataset: Dataset | None = None,
    config: TrainingConfig = CONFIG,
    step: StepCost = STEP,
    estimate: RunEstimate = ESTIMATE,
) -> list[str]:
    return sentences(training_warnings(dataset or cats(), config, step, estimate))


def test_a_sound_training_has_no_warning() -> None:
    assert warned() == []
    assert warned(cats(report={"doctor": None})) == []


def test_few_pictures() -> None:
    (warning,) = warned(cats(images=200))
    assert "200 pictures are few" in warning


def test_findings_of_the_doctor_unless_rare_or_dropped() -> None:
    findings = [
        finding("near_duplicates", 0.3),
        finding("blank", 0.02),
        finding("blurred", 0.005),
        finding("outliers", 0.0, None),
    ]
    report = {"doctor": {"findings": findings, "effective_images": None, "class_balance": None}}
    assert warned(cats(report=report)) == [
        "near_duplicates found. Do this.",
        "blank found. Do this.",
    ]
    dropped = cats(report=report, request={"near_duplicates": "drop"})
    assert warned(dropped) == ["blank found. Do this."]


def test_pictures_that_are_very_similar() -> None:
    effective: dict[str, Any] = {"value": 20.0, "sample": 1000}
    effective |= {"says": "As varied as 20.", "suggests": "Add others."}
    report = {"doctor": {"findings": [], "effective_images": effective}}
    assert warned(cats(report=report)) == ["As varied as 20. Add others."]


def test_unbalanced_classes_only_in_a_conditional_training() -> None:
    balance = {"counts": [3, 900], "effective": 1.02}
    balance |= {"says": "3 of class x.", "suggests": "Add pictures of x."}
    dataset = cats(report={"doctor": {"class_balance": balance}})
    assert warned(dataset) == []
    conditional = replace(CONFIG, conditional=True, classes=("x", "y"))
    assert warned(dataset, conditional) == ["3 of class x. Add pictures of x."]


@pytest.mark.parametrize(
    ("images", "pictures", "least"),
    [(20_000, 3000, "100,000"), (200_000, 60_000, "600,000"), (900_000, 500_000, "1,000,000")],
)
def test_too_few_images(images: int, pictures: int, least: str) -> None:
    (warning,) = warned(cats(images=pictures), replace(CONFIG, images=images))
    assert f"at least {least}" in warning


def test_too_many_views_of_each_picture_with_a_lower_limit_without_augmentation() -> None:
    plain = replace(CONFIG, augmentation="none", images=3000 * 2000)
    (warning,) = warned(config=plain)
    assert "each picture 2,000 times" in warning
    assert warned(config=replace(plain, augmentation="translation")) == []


def test_mirroring_that_is_harmful_or_unknown() -> None:
    (harmful,) = warned(cats(horizontal_flip=False))
    (unknown,) = warned(cats(horizontal_flip=None))
    assert "do not look like" in harmful
    assert "it is unknown" in unknown
    assert warned(cats(horizontal_flip=False), replace(CONFIG, horizontal_flip=False)) == []


def test_a_machine_that_is_too_slow_too_small_or_was_not_measured() -> None:
    (slow,) = warned(estimate=ESTIMATE._replace(seconds=20_000.0, images_per_second=35.0))
    assert "about 5 h 33 min on this machine (cpu, 35 images a second)" in slow
    (days,) = warned(estimate=ESTIMATE._replace(seconds=200_000.0, images_per_second=3.5))
    assert "2 days 7 h" in days
    (small,) = warned(estimate=ESTIMATE._replace(memory_bytes=9_000_000_000))
    assert "9.0 GB of memory, and 8.0 GB are free" in small
    (extrapolated,) = warned(step=replace(STEP, batch_size=4))
    assert "extrapolated from a batch of 4" in extrapolated
    (busy,) = warned(step=replace(STEP, waiting_share=0.6))
    assert "waiting for 60% of their time" in busy
    assert warned(step=replace(STEP, waiting_share=0.1)) == []
    not_timed = replace(STEP, step_seconds=None, batch_size=0)
    (unknown,) = warned(
        step=not_timed, estimate=ESTIMATE._replace(seconds=None, images_per_second=None)
    )
    assert "No training step ended" in unknown


def test_checkpoints_that_the_disk_budget_will_thin() -> None:
    (warning,) = warned(estimate=ESTIMATE._replace(checkpoints=120, kept=50))
    assert "Of about 120 checkpoints 50 will be kept" in warning


def test_a_large_batch_in_a_short_run() -> None:
    short = replace(CONFIG, preset="small-data", images=200_000, batch_size=64)
    (warning,) = warned(config=short)
    assert "batches of 16 learn more in the same time than batches of 64" in warning
    assert "0.48 to 0.77" in warning
    for config in (
        replace(short, batch_size=16),
        replace(short, images=700_000),
        replace(short, shape=(32, 32, 3)),
        replace(short, preset="dcgan"),
    ):
        assert warned(config=config) == []


def stored_cats(**changes: Any) -> Dataset:
    stored = {"id": "d", "status": "ready", "job": "j", "shape": [64, 64, 3]}
    return cats(**stored | changes)


def queue(database: Database, **request: Any) -> Job:
    defaults = dict.fromkeys(
        ("preset", "images", "epochs", "batch_size", "seed", "resume_from", "stability")
    )
    defaults |= {"dataset": "cats", "model": "cats", "overrides": {}}
    return queue_training(database, Settings(), defaults | request, None)


def served_model(database: Database) -> Dataset:
    """A model with one scored checkpoint that learnt from the dataset cats."""
    with database.write() as session:
        dataset = stored_cats(content_hash="one")
        session.add_all([dataset, stored_cats(id="e", name="dogs", content_hash="two")])
        session.add(Model(name="cats"))
        session.flush()
        config = resolve("dcgan", shape=(64, 64, 3)).to_json()
        stored = {"images_seen": 1000, "key": "k", "sha256": "", "bytes": 7}
        scores = {"kid": 0.42, "metrics": {"kid": 0.42}, "scored_against": "one e"}
        session.add(Checkpoint(id="c", model="cats", config=config, **stored, **scores))
    return dataset


def test_a_training_into_an_existing_model_names_its_checkpoints_and_starts_from_noise(
    database: Database,
) -> None:
    served_model(database)
    job = queue(database)
    with database.read() as session:
        (warning,) = sentences(job_warnings(session, job))
    assert warning == (
        "Model 'cats' has 1 checkpoint already and serves c (the only KID: 0.42, at 1,000 "
        "images). This training starts from noise, not from any of them: resume_from continues "
        "from one. A checkpoint of the new training is served once its KID is lower."
    )


def test_a_training_on_other_pictures_is_served_from_its_first_score(database: Database) -> None:
    served_model(database)
    job = queue(database, dataset="dogs", resume_from="cats")
    with database.read() as session:
        (warning,) = sentences(job_warnings(session, job))
    assert "continues from checkpoint c." in warning
    assert "'dogs' has other pictures: the new training is served from its first" in warning
    assert "PATCH /v1/models/cats" in warning


def test_a_checkpoint_that_was_set_by_hand_stays(
    database: Database,
) -> None:
    served_model(database)
    with database.write() as session:
        registry.set_served(session, "cats", "c")
    job = queue(database)
    with database.read() as session:
        assert "set by hand and stays" in job_warnings(session, job)[0].sentence()


def test_no_warning_for_a_new_model_or_a_deleted_dataset(
    database: Database,
) -> None:
    dataset = served_model(database)
    fresh, old = queue(database, model="kittens"), queue(database)
    with database.read() as session:
        assert job_warnings(session, fresh) == []
    with database.write() as session:
        session.delete(session.merge(dataset))
    with database.read() as session:
        assert job_warnings(session, old) == []
