"""Warnings before a training: what may go wrong, and the figures that say so."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.job_states import JobKind
from app.domain.served_checkpoint import comparable_with, served_checkpoint, served_reason
from app.domain.step_timing import BUSY_SHARE, StepCost
from app.domain.tables import Checkpoint, Dataset, Job, Model
from app.domain.warning_kinds import (
    BusyMachine,
    CheckpointsThinned,
    Extrapolated,
    FewPictures,
    LargeBatch,
    LowVariety,
    Mirroring,
    ModelHasCheckpoints,
    NotTimed,
    PictureFinding,
    SlowTraining,
    TooFewImages,
    TooLittleMemory,
    TooManyViews,
    TrainingWarning,
    UnbalancedClasses,
)
from models.config import TrainingConfig
from models.presets import PRESETS

MIN_PICTURES = 500
MIN_VIEWS = 10  # how often a training sees each picture
MIN_TRAINING_IMAGES = (
    100_000  # in all: below it, no recipe here has generated anything recognisable
)
ENOUGH_IMAGES = 1_000_000  # in all, however many pictures the dataset has
MAX_VIEWS = {True: 5000, False: 1000}  # by whether the pictures are augmented
MIN_FINDING_SHARE = 0.01  # of the pictures; a rarer defect does not harm a training
SLOW_SECONDS = 2 * 3600.0


class RunEstimate(NamedTuple):
    """What a whole training takes. Seconds and rate are None if no step could be timed."""

    seconds: float | None
    images_per_second: float | None
    memory_bytes: int
    disk_bytes: int
    checkpoints: int
    kept: int


def training_warnings(
    dataset: Dataset, config: TrainingConfig, step: StepCost, estimate: RunEstimate
) -> list[TrainingWarning]:
    """Return all warnings, those about the pictures first."""
    return [
        *_about_pictures(dataset),
        *_about_classes(dataset, config),
        *_about_length(dataset, config),
        *_about_machine(config, step, estimate),
        *_about_checkpoints(estimate),
    ]


def _about_pictures(dataset: Dataset) -> Iterator[TrainingWarning]:
    images = dataset.images or 0
    if images < MIN_PICTURES:
        yield FewPictures(pictures=images, enough=MIN_PICTURES)
    doctor = _doctor(dataset)
    dropped = dataset.request.get("near_duplicates") == "drop"
    for finding in doctor.get("findings", []):
        if finding["kind"] == "near_duplicates" and dropped:
            continue
        if finding["share"] >= MIN_FINDING_SHARE and finding["suggests"]:
            yield PictureFinding(
                finding=finding["kind"],
                count=finding["count"],
                share=finding["share"],
                advice=finding.get("advice"),
                ranges=finding.get("ranges"),
                says=finding["says"],
                suggests=finding["suggests"],
            )
    effective = doctor.get("effective_images")
    if effective and effective["suggests"]:
        yield LowVariety(
            value=effective["value"],
            sample=effective["sample"],
            advice=effective.get("advice"),
            says=effective["says"],
            suggests=effective["suggests"],
        )


def _about_classes(dataset: Dataset, config: TrainingConfig) -> Iterator[TrainingWarning]:
    balance = _doctor(dataset).get("class_balance")
    if config.conditional and balance and balance["suggests"]:
        yield UnbalancedClasses(
            classes=len(balance["counts"]),
            effective=balance["effective"],
            smallest=balance.get("smallest"),
            largest=balance.get("largest"),
            advice=balance.get("advice"),
            thin=balance.get("thin", []),
            more_thin=balance.get("more_thin", 0),
            says=balance["says"],
            suggests=balance["suggests"],
        )


def _about_length(dataset: Dataset, config: TrainingConfig) -> Iterator[TrainingWarning]:
    pictures = dataset.images or 1
    views = config.images / pictures
    max_views = MAX_VIEWS[config.augmentation != "none"]
    min_images = max(MIN_TRAINING_IMAGES, min(MIN_VIEWS * pictures, ENOUGH_IMAGES))
    if config.images < min_images:
        yield TooFewImages(images=config.images, views=views, least_images=min_images)
    elif views > max_views:
        yield TooManyViews(images=config.images, views=views, max_views=max_views)
    short_run = PRESETS[config.preset].short_run if config.preset in PRESETS else None
    if short_run and short_run.covers(config.images, config.shape):
        short_run_batch = short_run.values["batch_size"]
        if config.batch_size > short_run_batch:
            yield LargeBatch(batch_size=config.batch_size, better_batch_size=short_run_batch)
    if config.horizontal_flip and dataset.horizontal_flip is not True:
        yield Mirroring(dataset=dataset.name, known=dataset.horizontal_flip is False)


def _about_machine(
    config: TrainingConfig, step: StepCost, estimate: RunEstimate
) -> Iterator[TrainingWarning]:
    if estimate.seconds is None:
        yield NotTimed(machine=step.machine, worker=step.worker, device=step.device)
    elif step.batch_size < config.batch_size:
        yield Extrapolated(batch_size=config.batch_size, timed_batch_size=step.batch_size)
    if step.device == "cpu" and step.waiting_share >= BUSY_SHARE:
        yield BusyMachine(
            waiting_share=step.waiting_share, machine=step.machine, worker=step.worker
        )
    if estimate.memory_bytes > step.free_bytes:
        yield TooLittleMemory(needed_bytes=estimate.memory_bytes, free_bytes=step.free_bytes)
    if estimate.seconds is not None and estimate.seconds > SLOW_SECONDS:
        yield SlowTraining(
            seconds=estimate.seconds,
            images_per_second=estimate.images_per_second or 0.0,
            machine=step.machine,
            worker=step.worker,
            device=step.device,
        )


def _about_checkpoints(estimate: RunEstimate) -> Iterator[TrainingWarning]:
    if estimate.kept < estimate.checkpoints:
        yield CheckpointsThinned(checkpoints=estimate.checkpoints, kept=estimate.kept)


def model_warnings(
    session: Session,
    name: str,
    dataset: Dataset,
    start: str | None,
    job_id: str | None = None,
) -> list[TrainingWarning]:
    """Return a warning if the model that a training adds to has checkpoints already.

    `start` is the id of the checkpoint that the training continues from. `job_id` is the training
    itself, whose own checkpoints do not count.
    """
    model = session.scalar(select(Model).where(Model.name == name))
    served = served_checkpoint(session, model) if model else None
    others = select(func.count()).where(Checkpoint.model == name)
    if job_id is not None:
        others = others.where(Checkpoint.job.is_distinct_from(job_id))
    count = session.scalar(others) or 0
    if model is None or served is None or count == 0:
        return []
    return [
        ModelHasCheckpoints(
            model=name,
            checkpoints=count,
            served=served.id,
            served_reason=served_reason(session, model),
            start=start,
            dataset=dataset.name,
            next_served=_next_served(model, served, dataset),
        )
    ]


def job_warnings(session: Session, job: Job) -> list[TrainingWarning]:
    """Return `model_warnings` of a queued training whose dataset exists, else no warnings."""
    dataset = session.scalar(select(Dataset).where(Dataset.name == job.dataset))
    if job.kind != JobKind.TRAIN or job.model is None or dataset is None:
        return []
    return model_warnings(session, job.model, dataset, job.resume_from, job.id)


def _next_served(
    model: Model, served: Checkpoint, dataset: Dataset
) -> Literal["chosen_stays", "newest", "lower_kid", "other_pictures"]:
    if model.checkpoint is not None:
        return "chosen_stays"
    if served.kid is None:
        return "newest"
    return "lower_kid" if comparable_with(served, dataset) else "other_pictures"


def _doctor(dataset: Dataset) -> dict[str, Any]:
    """The doctor's part of the ingest report; empty for datasets that older versions packed."""
    return (dataset.report or {}).get("doctor") or {}
