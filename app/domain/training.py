"""Asking for a training: what is checked before it is queued, and asking for it only once."""

from typing import Any

from sqlalchemy.orm import Session

from app.domain import jobs, registry
from app.domain.asking import ask_once, hold_dataset
from app.domain.database import Database
from app.domain.errors import InvalidRequest
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

    `request` has dataset, model, preset, images, epochs, batch_size, seed, resume_from, stability
    and overrides. Raises NotFound, Conflict, QueueFull, InvalidRequest or ConfigError.
    """

    def create(session: Session) -> Job:
        dataset, start = find_sources(session, request)
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
        )

    return ask_once(database, request, idempotency_key, create)


def find_sources(session: Session, request: dict[str, Any]) -> tuple[Dataset, Checkpoint | None]:
    """The dataset, and the checkpoint to start from; until the transaction ends, both stay."""
    dataset = hold_dataset(session, request["dataset"])
    if request["resume_from"] is None:
        return dataset, None
    return dataset, registry.find_start(session, request["resume_from"])


def resolve_config(
    dataset: Dataset, request: dict[str, Any], start: Checkpoint | None = None
) -> dict[str, Any]:
    """The whole training configuration, as JSON, that a request means on this ready dataset.

    A run that goes on from `start` has the networks of that checkpoint, and its preset unless
    another is named.
    """
    assert dataset.shape is not None
    assert dataset.images is not None
    images = request["images"]
    if request["epochs"] is not None:
        if images is not None:
            raise InvalidRequest("give images or epochs, not both", field="epochs")
        images = request["epochs"] * dataset.images
    begun = TrainingConfig.from_json(start.config) if start else None
    overrides = _overrides(request)
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


def _overrides(request: dict[str, Any]) -> dict[str, Any]:
    """What is set beside the preset, `stability` included, which has a place of its own."""
    overrides: dict[str, Any] = request["overrides"]
    stability = request["stability"]
    if stability is None:
        return overrides
    if "stability" in overrides:
        raise InvalidRequest("give stability once, not in overrides as well", field="stability")
    return overrides | {"stability": stability}


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
