"""What a user should hear before a training: sentences, each with the figure that it is about."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from app.domain.step_timing import Measured
from app.domain.tables import Dataset
from models.config import TrainingConfig
from models.presets import PRESETS

FEW_PICTURES = 500
FEW_VIEWS = 10  # of each picture
FEW_IMAGES = 100_000  # in all: no recipe here shows anything recognisable before
ENOUGH_IMAGES = 1_000_000  # in all, however many pictures
MANY_VIEWS = {True: 5000, False: 1000}  # of each picture: with augmentation, without
FINDING_SHARE = 0.01  # of the pictures; what is rarer harms no training
SLOW_SECONDS = 2 * 3600.0


class Quoted(NamedTuple):
    """What a training takes as a whole; seconds and rate are None where no step was timed."""

    seconds: float | None
    images_per_second: float | None
    memory_bytes: int
    disk_bytes: int
    checkpoints: int
    kept: int


def warnings(
    dataset: Dataset, config: TrainingConfig, measured: Measured, quoted: Quoted
) -> list[str]:
    """Everything that the user would want to have known, the pictures first."""
    return [
        *_about_pictures(dataset),
        *_about_classes(dataset, config),
        *_about_work(dataset, config),
        *_about_machine(config, measured, quoted),
        *_about_checkpoints(quoted),
    ]


def _about_pictures(dataset: Dataset) -> Iterator[str]:
    images = dataset.images or 0
    if images < FEW_PICTURES:
        yield (
            f"{images:,} pictures are few: below {FEW_PICTURES} a model learns them by heart. "
            "Add more, or fine-tune a model of something like them (resume_from)."
        )
    doctor = _doctor(dataset)
    dropped = dataset.request.get("near_duplicates") == "drop"
    for finding in doctor.get("findings", []):
        if finding["kind"] == "near_duplicates" and dropped:
            continue
        if finding["share"] >= FINDING_SHARE and finding["suggests"]:
            yield f"{finding['says']} {finding['suggests']}"
    effective = doctor.get("effective_images")
    if effective and effective["suggests"]:
        yield f"{effective['says']} {effective['suggests']}"


def _about_classes(dataset: Dataset, config: TrainingConfig) -> Iterator[str]:
    balance = _doctor(dataset).get("class_balance")
    if config.conditional and balance and balance["suggests"]:
        yield f"{balance['says']} {balance['suggests']}"


def _about_work(dataset: Dataset, config: TrainingConfig) -> Iterator[str]:
    pictures = dataset.images or 1
    views = config.images / pictures
    most = MANY_VIEWS[config.augmentation != "none"]
    least = max(FEW_IMAGES, min(FEW_VIEWS * pictures, ENOUGH_IMAGES))
    if config.images < least:
        yield (
            f"{config.images:,} images show each picture {views:,.1f} times: too few to learn much "
            f"from. Give at least {least:,}."
        )
    elif views > most:
        yield (
            f"{config.images:,} images show each picture {views:,.0f} times: beyond some {most:,} "
            "a discriminator knows them all, and the generator stops improving. Give fewer images, "
            "or more pictures."
        )
    short = PRESETS[config.preset].short_run if config.preset in PRESETS else None
    if short and short.covers(config.images, config.shape):
        small = short.values["batch_size"]
        if config.batch_size > small:
            yield (
                f"In so short a run batches of {small} learn more in the same time than batches of "
                f"{config.batch_size}: on 64×64 pictures their distance to the real ones was 0.48 "
                "to 0.77 of that of batches of 64 (docs/search.md). Leave batch_size out."
            )
    if config.horizontal_flip and dataset.horizontal_flip is not True:
        why = (
            "their mirror images do not look like pictures of this dataset"
            if dataset.horizontal_flip is False
            else "it is unknown whether their mirror images look like pictures of this dataset"
        )
        yield f"Pictures of {dataset.name!r} will be mirrored (horizontal_flip), but {why}."


def _about_machine(config: TrainingConfig, measured: Measured, quoted: Quoted) -> Iterator[str]:
    if quoted.seconds is None:
        yield (
            f"No training step ended within the time limit of a dry run on {measured.machine} "
            f"({measured.device}), so the duration is unknown: choose a smaller width or batch."
        )
    elif measured.batch_size < config.batch_size:
        yield (
            f"Steps with a batch of {config.batch_size} take longer than a dry run may: time "
            f"and memory are extrapolated from a batch of {measured.batch_size}."
        )
    if quoted.memory_bytes > measured.free_bytes:
        yield (
            f"It needs about {_gigabytes(quoted.memory_bytes)} of memory, and "
            f"{_gigabytes(measured.free_bytes)} are free: choose a smaller width or batch."
        )
    if quoted.seconds is not None and quoted.seconds > SLOW_SECONDS:
        yield (
            f"The training takes about {_duration(quoted.seconds)} on {measured.machine} "
            f"({measured.device}, "
            f"{quoted.images_per_second:,.0f} images a second)."
        )


def _about_checkpoints(quoted: Quoted) -> Iterator[str]:
    if quoted.kept < quoted.checkpoints:
        yield (
            f"Of about {quoted.checkpoints:,} checkpoints {quoted.kept:,} will be kept, spread "
            "over the run, with the best and the newest: the limits are MOGGY_CHECKPOINTS_KEPT "
            "and MOGGY_CHECKPOINT_BUDGET_MB."
        )


def _doctor(dataset: Dataset) -> dict[str, Any]:
    """What was found at its ingest; nothing where it was packed before there was a doctor."""
    return (dataset.report or {}).get("doctor") or {}


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours // 24:,} days {hours % 24} h" if hours >= 48 else f"{hours} h {minutes:02} min"
