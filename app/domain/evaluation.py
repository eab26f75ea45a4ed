"""Asking for an evaluation: any checkpoint scored against any dataset of its shape."""

from math import prod
from typing import Any

from sqlalchemy.orm import Session

from app.domain import jobs, registry
from app.domain.database import Database
from app.domain.errors import InvalidRequest
from app.domain.idempotency import ask_once, hold_dataset
from app.domain.settings import Settings
from app.domain.tables import Checkpoint, Dataset, Job
from models.config import TrainingConfig

LEAST_IMAGES = 2  # a score compares pairs
MAX_IMAGES = 50_000
MAX_BYTES = 2**30  # of the pixels of so many pictures: some four times that are held at once


def queue_evaluation(
    database: Database, settings: Settings, request: dict[str, Any], idempotency_key: str | None
) -> Job:
    """Queue the evaluation that `request` describes, or answer the job that its key made before.

    `request` has dataset, model, checkpoint and images: model or checkpoint may be None. Raises
    NotFound, Conflict, QueueFull or InvalidRequest.
    """

    def create(session: Session) -> Job:
        dataset = hold_dataset(session, request["dataset"])
        checkpoint = registry.find_subject(session, request["model"], request["checkpoint"])
        return jobs.create(
            session,
            kind="evaluate",
            model=checkpoint.model,
            dataset=dataset.name,
            checkpoint=checkpoint.id,
            config={"images": images_to_score(dataset, checkpoint, request["images"])},
            max_queued=settings.max_queued_jobs,
        )

    return ask_once(database, request, idempotency_key, create)


def images_to_score(dataset: Dataset, checkpoint: Checkpoint, asked: int | None) -> int:
    """How many pictures to generate, and at most to take of the dataset.

    Raises InvalidRequest beyond the limits, and for pictures that cannot be compared: another
    size is brought to the dataset's, but not another form, nor other channels.
    """
    assert dataset.shape is not None
    assert dataset.images is not None
    made, real = TrainingConfig.from_json(checkpoint.config).shape, tuple(dataset.shape)
    if made[2] != real[2] or made[0] * real[1] != made[1] * real[0]:
        raise InvalidRequest(
            f"checkpoint {checkpoint.id!r} makes pictures of {_shape(made)}, and those of dataset "
            f"{dataset.name!r} are {_shape(real)}: another size is resized, but the proportions "
            "and the channels have to be the same",
            field="dataset",
        )
    most = min(MAX_IMAGES, MAX_BYTES // max(prod(made), prod(real)))
    images = min(dataset.images, most) if asked is None else asked
    if not LEAST_IMAGES <= images <= most:
        raise InvalidRequest(
            f"images {images} is out of range: {LEAST_IMAGES} to {most} pictures of "
            f"{_shape(real)} are scored",
            field="images",
        )
    return images


def _shape(shape: tuple[int, ...]) -> str:
    height, width, channels = shape
    return f"{width}×{height}×{channels}"
