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
from app.domain.tables import Checkpoint, Dataset, Job
from models.config import TrainingConfig
from models.networks.stages import stages_of
from models.presets import DEFAULT_PRESET, continue_from, resolve
from models.ranges import ConfigError

ANY_SHAPE = ("mlp",)  # architectures that build every shape a dataset can have


def queue_training(
    database: Database,
    settings: Settings,
    request: dict[str, Any],
    idempotency_key: str | None,
) -> Job:
    """Queue the training that `request` describes, or answer the job that its key made before.

    `request` has dataset, model, preset, images, epochs, batch_size, seed, resume_from and
    overrides. Raises NotFound, Conflict, QueueFull, InvalidRequest or ConfigError.
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
        start = None
        if request["resume_from"] is not None:
            start = registry.find_start(session, request["resume_from"])
        config = resolve_config(dataset, request, start)
        registry.ensure_model(session, request["model"])
        return jobs.create(
            session,
            kind="train",
            model=request["model"],
            dataset=dataset.name,
            preset=config["preset"],
            config=config,
            resume_from=start.id if start else None,
            max_queued=settings.max_queued_jobs,
            idempotency_key=idempotency_key,
            request_hash=request_hash,
        )


def resolve_config(
    dataset: Dataset, request: dict[str, Any], start: Checkpoint | None = None
) -> dict[str, Any]:
    """The whole training configuration, as JSON, that a request means on this dataset.

    A run that goes on from `start` has the networks of that checkpoint, and its preset unless
    another is named.
    """
    if dataset.status != "ready" or dataset.shape is None or dataset.images is None:
        raise Conflict(f"dataset {dataset.name!r} is {dataset.status}, not ready", field="dataset")
    images = request["images"]
    if request["epochs"] is not None:
        if images is not None:
            raise InvalidRequest("give images or epochs, not both", field="epochs")
        images = request["epochs"] * dataset.images
    begun = TrainingConfig.from_json(start.config) if start else None
    overrides = request["overrides"]
    height, width, channels = dataset.shape
    config = resolve(
        request["preset"] or (begun.preset if begun else DEFAULT_PRESET),
        shape=(height, width, channels),
        classes=tuple(dataset.classes or ()),
        # Unknown of what was packed before this was asked: mirroring might do harm.
        mirrorable=dataset.horizontal_flip is True,
        images=images,
        batch_size=request["batch_size"],
        seed=request["seed"],
        overrides={"conditional": True} | overrides if begun and begun.conditional else overrides,
    )
    if begun is not None:
        config = continue_from(begun, config, overrides)
    _check_buildable(config, dataset)
    return config.to_json()


def _check_buildable(config: TrainingConfig, dataset: Dataset) -> None:
    """Refuse a shape that the networks cannot build, before a trainer finds out."""
    if config.architecture in ANY_SHAPE:
        return
    try:
        stages_of(config.shape)
    except ConfigError as exc:
        raise InvalidRequest(
            f"preset {config.preset!r} cannot learn dataset {dataset.name!r}: {exc}",
            field="dataset",
        ) from exc
