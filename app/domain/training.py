"""Asking for a training: what is checked before it is queued, and asking for it only once."""

import hashlib
import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.domain import datasets, jobs, registry
from app.domain.database import Database
from app.domain.errors import Conflict, InvalidRequest
from app.domain.settings import Settings
from app.domain.tables import Dataset, Job
from models.presets import resolve


def queue_training(
    database: Database,
    settings: Settings,
    request: dict[str, Any],
    idempotency_key: str | None,
) -> Job:
    """Queue the training that `request` describes, or answer the job that its key made before.

    `request` has dataset, model, preset, images, epochs, batch_size, seed and overrides.
    Raises NotFound, Conflict, QueueFull, InvalidRequest or models.config.ConfigError.
    """
    request_hash = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    try:
        return _queue(database, settings, request, idempotency_key, request_hash)
    except IntegrityError:
        # The same key, or the same new model, was committed between our look and our insert.
        return _queue(database, settings, request, idempotency_key, request_hash)


def _queue(
    database: Database,
    settings: Settings,
    request: dict[str, Any],
    idempotency_key: str | None,
    request_hash: str,
) -> Job:
    with database.write() as session:
        if idempotency_key is not None:
            earlier = session.scalar(select(Job).where(Job.idempotency_key == idempotency_key))
            if earlier is not None:
                if earlier.request_hash != request_hash:
                    raise Conflict(
                        f"Idempotency-Key {idempotency_key!r} was used with another request "
                        f"(job {earlier.id}): use a new key for a new job"
                    )
                return earlier
        dataset = datasets.find(session, request["dataset"])
        # Until the job is committed, nobody may find the dataset unused and delete it.
        session.refresh(dataset, with_for_update={"read": True})
        config = resolve_config(dataset, request)
        registry.ensure_model(session, request["model"])
        return jobs.create(
            session,
            kind="train",
            model=request["model"],
            dataset=dataset.name,
            preset=request["preset"],
            config=config,
            max_queued=settings.max_queued_jobs,
            idempotency_key=idempotency_key,
            request_hash=request_hash,
        )


def resolve_config(dataset: Dataset, request: dict[str, Any]) -> dict[str, Any]:
    """The whole training configuration, as JSON, that a request means on this dataset."""
    if dataset.status != "ready" or dataset.shape is None or dataset.images is None:
        raise Conflict(f"dataset {dataset.name!r} is {dataset.status}, not ready", field="dataset")
    images = request["images"]
    if request["epochs"] is not None:
        if images is not None:
            raise InvalidRequest("give images or epochs, not both", field="epochs")
        images = request["epochs"] * dataset.images
    height, _, channels = dataset.shape
    config = resolve(
        request["preset"],
        resolution=height,
        channels=channels,
        images=images,
        batch_size=request["batch_size"],
        seed=request["seed"],
        overrides=request["overrides"],
    )
    return config.to_json()
