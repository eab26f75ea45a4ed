"""Evaluation: a request to score any checkpoint against any dataset of its shape."""

from math import prod
from typing import Any

from sqlalchemy.orm import Session

from app.domain import datasets, jobs, registry
from app.domain.database import Database
from app.domain.errors import InvalidRequest
from app.domain.idempotency import create_once
from app.domain.job_states import JobKind
from app.domain.settings import Settings
from app.domain.tables import Checkpoint, Dataset, Job
from models.config import TrainingConfig

MIN_SCORED_IMAGES = 2  # a score compares pairs
MAX_SCORED_IMAGES = 50_000
MAX_SCORED_BYTES = 2**30  # of the pixels of all images; scoring holds about four times as much


def queue_evaluation(
    database: Database, settings: Settings, request: dict[str, Any], idempotency_key: str | None
) -> Job:
    """Queue the evaluation that `request` describes, or return the earlier job of the same key.

    `request` has dataset, model, checkpoint and images; model or checkpoint may be None. Raises
    NotFound, Conflict, QueueFull or InvalidRequest.
    """

    def create(session: Session) -> Job:
        dataset = datasets.lock_ready(session, request["dataset"])
        checkpoint = registry.lock_checkpoint(session, request["model"], request["checkpoint"])
        return jobs.create(
            session,
            kind=JobKind.EVALUATE,
            model=checkpoint.model,
            dataset=dataset.name,
            checkpoint=checkpoint.id,
            config={"images": images_to_score(dataset, checkpoint, request["images"])},
            max_queued=settings.max_queued_jobs,
        )

    return create_once(database, request, idempotency_key, create)


def images_to_score(dataset: Dataset, checkpoint: Checkpoint, requested: int | None) -> int:
    """Return the number of images to generate; at most as many images of the dataset are used.

    The generated images are resized to the dataset's size. Raises InvalidRequest if proportions or
    channels differ, or if `requested` is out of range.
    """
    assert dataset.shape is not None
    assert dataset.images is not None
    generated, real = TrainingConfig.from_json(checkpoint.config).shape, tuple(dataset.shape)
    if generated[2] != real[2] or generated[0] * real[1] != generated[1] * real[0]:
        raise InvalidRequest(
            f"checkpoint {checkpoint.id!r} generates pictures of {_shape(generated)}, and those of "
            f"dataset {dataset.name!r} are {_shape(real)}: sizes may differ, but the proportions "
            "and the channels have to be the same",
            field="dataset",
        )
    max_images = min(MAX_SCORED_IMAGES, MAX_SCORED_BYTES // max(prod(generated), prod(real)))
    images = min(dataset.images, max_images) if requested is None else requested
    if not MIN_SCORED_IMAGES <= images <= max_images:
        raise InvalidRequest(
            f"images {images} is out of range: give {MIN_SCORED_IMAGES} to {max_images} for "
            f"pictures of {_shape(real)}",
            field="images",
        )
    return images


def _shape(shape: tuple[int, ...]) -> str:
    height, width, channels = shape
    return f"{width}×{height}×{channels}"
