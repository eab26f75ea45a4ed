"""Warnings before a training: what may go wrong, each as a sentence with its figures."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.served_checkpoint import comparable_with, served_checkpoint, served_reason
from app.domain.step_timing import StepCost
from app.domain.tables import Checkpoint, Dataset, Job, Model
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
) -> list[str]:
    """Return all warnings, those about the pictures first."""
    return [
        *_about_pictures(dataset),
        *_about_classes(dataset, config),
        *_about_length(dataset, config),
        *_about_machine(config, step, estimate),
        *_about_checkpoints(estimate),
    ]


def _about_pictures(dataset: Dataset) -> Iterator[str]:
    images = dataset.images or 0
    if images < MIN_PICTURES:
        yield (
            f"{images:,} pictures are few: below {MIN_PICTURES} a model memorises them. Add more, "
            "or fine-tune a model of similar pictures (resume_from)."
        )
    doctor = _doctor(dataset)
    dropped = dataset.request.get("near_duplicates") == "drop"
    for finding in doctor.get("findings", []):
        if finding["kind"] == "near_duplicates" and dropped:
            continue
        if finding["share"] >= MIN_FINDING_SHARE and finding["suggests"]:
            yield f"{finding['says']} {finding['suggests']}"
    effective = doctor.get("effective_images")
    if effective and effective["suggests"]:
        yield f"{effective['says']} {effective['suggests']}"


def _about_classes(dataset: Dataset, config: TrainingConfig) -> Iterator[str]:
    balance = _doctor(dataset).get("class_balance")
    if config.conditional and balance and balance["suggests"]:
        yield f"{balance['says']} {balance['suggests']}"


def _about_length(dataset: Dataset, config: TrainingConfig) -> Iterator[str]:
    pictures = dataset.images or 1
    views = config.images / pictures
    max_views = MAX_VIEWS[config.augmentation != "none"]
    min_images = max(MIN_TRAINING_IMAGES, min(MIN_VIEWS * pictures, ENOUGH_IMAGES))
    if config.images < min_images:
        yield (
            f"{config.images:,} images show each picture {views:,.1f} times: too few to learn much "
            f"from. Give at least {min_images:,}."
        )
    elif views > max_views:
        yield (
            f"{config.images:,} images show each picture {views:,.0f} times: beyond about "
            f"{max_views:,} the discriminator memorises the pictures, and the generator stops "
            "improving. Give fewer images, or add pictures."
        )
    short_run = PRESETS[config.preset].short_run if config.preset in PRESETS else None
    if short_run and short_run.covers(config.images, config.shape):
        short_run_batch = short_run.values["batch_size"]
        if config.batch_size > short_run_batch:
            yield (
                f"In a run this short, batches of {short_run_batch} learn more in the same time "
                f"than batches of {config.batch_size}: on 64×64 pictures their distance to the "
                "real ones was 0.48 to 0.77 of that of batches of 64 (docs/search.md). Leave "
                "batch_size out."
            )
    if config.horizontal_flip and dataset.horizontal_flip is not True:
        why = (
            "their mirror images do not look like pictures of this dataset"
            if dataset.horizontal_flip is False
            else "it is unknown whether their mirror images look like pictures of this dataset"
        )
        yield f"Pictures of {dataset.name!r} will be mirrored (horizontal_flip), but {why}."


def _about_machine(config: TrainingConfig, step: StepCost, estimate: RunEstimate) -> Iterator[str]:
    if estimate.seconds is None:
        yield (
            f"No training step ended within the time limit of a dry run on {step.machine} "
            f"({step.device}), so the duration is unknown: choose a smaller width or batch."
        )
    elif step.batch_size < config.batch_size:
        yield (
            f"Steps with a batch of {config.batch_size} take longer than the time limit of a dry "
            f"run: time and memory are extrapolated from a batch of {step.batch_size}."
        )
    if estimate.memory_bytes > step.free_bytes:
        yield (
            f"The training needs about {_gigabytes(estimate.memory_bytes)} of memory, and "
            f"{_gigabytes(step.free_bytes)} are free: choose a smaller width or batch."
        )
    if estimate.seconds is not None and estimate.seconds > SLOW_SECONDS:
        yield (
            f"The training takes about {_duration(estimate.seconds)} on {step.machine} "
            f"({step.device}, "
            f"{estimate.images_per_second:,.0f} images a second)."
        )


def _about_checkpoints(estimate: RunEstimate) -> Iterator[str]:
    if estimate.kept < estimate.checkpoints:
        yield (
            f"Of about {estimate.checkpoints:,} checkpoints {estimate.kept:,} will be kept: the "
            "best, the newest, and others spread over the run. The limits are "
            "MOGGY_CHECKPOINTS_KEPT and MOGGY_CHECKPOINT_BUDGET_MB."
        )


def model_warnings(
    session: Session,
    name: str,
    dataset: Dataset,
    start: str | None,
    job_id: str | None = None,
) -> list[str]:
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
    existing = f"{count:,} checkpoint" + "s" * (count > 1)
    begins = (
        f"continues from checkpoint {start}"
        if start
        else "starts from noise, not from any of them: resume_from continues from one"
    )
    return [
        f"Model {name!r} has {existing} already and serves {served.id} "
        f"({served_reason(session, model)}). This training {begins}. "
        + _next_served(model, served, dataset)
    ]


def job_warnings(session: Session, job: Job) -> list[str]:
    """Return `model_warnings` of a queued training whose dataset exists, else no warnings."""
    dataset = session.scalar(select(Dataset).where(Dataset.name == job.dataset))
    if job.kind != "train" or job.model is None or dataset is None:
        return []
    return model_warnings(session, job.model, dataset, job.resume_from, job.id)


def _next_served(model: Model, served: Checkpoint, dataset: Dataset) -> str:
    if model.checkpoint is not None:
        return "The served checkpoint was set by hand and stays."
    if served.kid is None:
        return "The newest checkpoint is served until one has a score."
    if comparable_with(served, dataset):
        return "A checkpoint of the new training is served once its KID is lower."
    return (
        f"The scores of the two cannot be compared, because {dataset.name!r} has other pictures: "
        "the new training is served from its first score on. To keep serving the present "
        f"checkpoint, set it with PATCH /v1/models/{model.name}."
    )


def _doctor(dataset: Dataset) -> dict[str, Any]:
    """The doctor's part of the ingest report; empty for datasets that older versions packed."""
    return (dataset.report or {}).get("doctor") or {}


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours // 24:,} days {hours % 24} h" if hours >= 48 else f"{hours} h {minutes:02} min"
