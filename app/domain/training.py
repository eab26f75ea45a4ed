"""Training: a request is checked, resolved to a configuration, and queued."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.domain import datasets, jobs, registry
from app.domain.database import Database
from app.domain.errors import InvalidRequest
from app.domain.idempotency import create_once
from app.domain.images.checkpoint import list_classes
from app.domain.job_states import JobKind
from app.domain.settings import Settings
from app.domain.tables import Checkpoint, Dataset, Job
from models.config import CHANNEL_NAMES, TrainingConfig
from models.networks.stages import stages_of
from models.presets import DEFAULT_PRESET, continue_from, resolve
from models.ranges import ConfigError

CLASSES_SHOWN = 5
FILES_SHOWN = 3
ANY_SHAPE_ARCHITECTURES = ("mlp",)  # they support every shape that a dataset can have


def queue_training(
    database: Database,
    settings: Settings,
    request: dict[str, Any],
    idempotency_key: str | None,
) -> Job:
    """Queue the training that `request` describes, or return the earlier job of the same key.

    `request` has dataset, model, preset, images, epochs, batch_size, seed, resume_from, stability
    and overrides. Raises NotFound, Conflict, QueueFull, InvalidRequest or ConfigError.
    """

    def create(session: Session) -> Job:
        dataset, start = lock_sources(session, request)
        config = resolve_config(dataset, request, start)
        registry.ensure_model(session, request["model"])
        return jobs.create(
            session,
            kind=JobKind.TRAIN,
            model=request["model"],
            dataset=dataset.name,
            preset=config["preset"],
            config=config,
            resume_from=start.id if start else None,
            max_queued=settings.max_queued_jobs,
        )

    return create_once(database, request, idempotency_key, create)


def lock_sources(session: Session, request: dict[str, Any]) -> tuple[Dataset, Checkpoint | None]:
    """Return the dataset, and the checkpoint to start from, if any.

    Neither can be deleted until the transaction ends.
    """
    dataset = datasets.lock_ready(session, request["dataset"])
    if request["resume_from"] is None:
        return dataset, None
    return dataset, registry.lock_start(session, request["resume_from"])


def resolve_config(
    dataset: Dataset, request: dict[str, Any], start: Checkpoint | None = None
) -> dict[str, Any]:
    """Resolve a request on a ready dataset to the complete training configuration, as JSON.

    A training that continues from `start` has the networks of that checkpoint, and its preset
    unless the request names another.
    """
    assert dataset.shape is not None
    assert dataset.images is not None
    images = request["images"]
    if request["epochs"] is not None:
        if images is not None:
            raise InvalidRequest("give images or epochs, not both", field="epochs")
        images = request["epochs"] * dataset.images
    start_config = TrainingConfig.from_json(start.config) if start else None
    if start is not None and start_config is not None:
        _check_continuable(dataset, start, start_config)
    overrides = _all_overrides(request)
    _check_classes(dataset, overrides)
    height, width, channels = dataset.shape
    config = resolve(
        request["preset"] or (start_config.preset if start_config else DEFAULT_PRESET),
        shape=(height, width, channels),
        classes=tuple(dataset.classes or ()),
        # None (unknown) for datasets of older versions: mirroring might do harm.
        mirrorable=dataset.horizontal_flip is True,
        images=images,
        batch_size=request["batch_size"],
        seed=request["seed"],
        overrides={"conditional": True} | overrides
        if start_config and start_config.conditional
        else overrides,
    )
    if start_config is not None:
        config = continue_from(start_config, config, overrides)
    _check_buildable(config, dataset)
    return config.to_json()


def _all_overrides(request: dict[str, Any]) -> dict[str, Any]:
    """Return the overrides, with the request's own field `stability` among them."""
    overrides: dict[str, Any] = request["overrides"]
    stability = request["stability"]
    if stability is None:
        return overrides
    if "stability" in overrides:
        raise InvalidRequest(
            "stability is given twice: leave it out of overrides", field="stability"
        )
    return overrides | {"stability": stability}


def _check_continuable(dataset: Dataset, start: Checkpoint, start_config: TrainingConfig) -> None:
    """Refuse to continue from a checkpoint whose shape or classes differ from the dataset's."""
    assert dataset.shape is not None
    subject = f"resume_from: checkpoint {start.id} of model {start.model!r}"
    if tuple(dataset.shape) != start_config.shape:
        height, width, channels = start_config.shape
        raise InvalidRequest(
            f"{subject} generates pictures of {_shape(start_config.shape)}, and dataset "
            f"{dataset.name!r} has pictures of {_shape(dataset.shape)}: a training continues only "
            "with the same shape. Add the pictures again as another dataset, with "
            f"size={width}x{height} and channels={CHANNEL_NAMES[channels]}, or leave resume_from "
            "out",
            field="resume_from",
        )
    classes = tuple(dataset.classes or ())
    if start_config.conditional and classes != start_config.classes:
        raise InvalidRequest(
            f"{subject} has learnt the classes {_first_classes(start_config.classes)}, and dataset "
            f"{dataset.name!r} has {_first_classes(classes)}: a training continues only with the "
            "same classes. Name the dataset's folders like the checkpoint's classes, or leave "
            "resume_from out",
            field="resume_from",
        )


def _shape(shape: Sequence[int]) -> str:
    """Format (height, width, channels) as `64×64 in rgb`."""
    height, width, channels = shape
    return f"{width}×{height} in {CHANNEL_NAMES[channels]}"


def _first_classes(classes: Sequence[str]) -> str:
    return list_classes(classes, CLASSES_SHOWN) or "none"


def _check_classes(dataset: Dataset, overrides: dict[str, Any]) -> None:
    """Refuse a conditional training on a dataset that has no classes, and say why it has none.

    Without a reason in the dataset's report, the configuration itself refuses it.
    """
    unclassified = (dataset.report or {}).get("unclassified")
    if overrides.get("conditional") is True and not dataset.classes and unclassified:
        files = ", ".join(unclassified["files"][:FILES_SHOWN])
        raise ConfigError(
            "conditional",
            True,
            f"needs classes, but dataset {dataset.name!r} has none, because "
            f"{unclassified['count']:,} of its pictures have no class ({files}): upload it again "
            "with unclassified=drop to leave these out, or put them into class folders",
        )


def _check_buildable(config: TrainingConfig, dataset: Dataset) -> None:
    """Refuse a shape that the networks cannot build."""
    if config.architecture in ANY_SHAPE_ARCHITECTURES:
        return
    try:
        stages_of(config.shape)
    except ConfigError as exc:
        raise InvalidRequest(
            f"preset {config.preset!r} cannot learn dataset {dataset.name!r}: {exc}",
            field="dataset",
        ) from exc
