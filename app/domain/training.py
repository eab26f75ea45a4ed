"""Asking for a training: what is checked before it is queued, and asking for it only once."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain import jobs, registry
from app.domain.database import Database
from app.domain.errors import InvalidRequest
from app.domain.idempotency import ask_once, hold_dataset
from app.domain.served_checkpoint import comparable_with, served_because, served_checkpoint
from app.domain.settings import Settings
from app.domain.tables import Checkpoint, Dataset, Job, Model
from models.config import TrainingConfig
from models.networks.stages import stages_of
from models.presets import DEFAULT_PRESET, continue_from, resolve
from models.ranges import ConfigError

CHANNELS = {1: "grey", 3: "rgb", 4: "rgba"}
CLASSES_SHOWN = 5
FILES_SHOWN = 3
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


def model_warnings(
    session: Session,
    name: str,
    dataset: Dataset,
    start: str | None,
    job_id: str | None = None,
) -> list[str]:
    """What a user must know who trains into a model that has checkpoints already.

    `start` is the id of the checkpoint that it continues from. `job_id` is the training itself,
    whose own checkpoints do not count.
    """
    model = session.scalar(select(Model).where(Model.name == name))
    served = served_checkpoint(session, model) if model else None
    others = select(func.count()).where(Checkpoint.model == name)
    if job_id is not None:
        others = others.where(Checkpoint.job.is_distinct_from(job_id))
    count = session.scalar(others) or 0
    if model is None or served is None or count == 0:
        return []
    there = f"{count:,} checkpoint" + "s" * (count > 1)
    begins = (
        f"continues from checkpoint {start}"
        if start
        else "starts from noise, not from any of them: resume_from continues from one"
    )
    return [
        f"Model {name!r} has {there} already and serves {served.id} "
        f"({served_because(session, model)}). This training {begins}. "
        + _what_is_served_next(model, served, dataset)
    ]


def job_warnings(session: Session, job: Job) -> list[str]:
    """`model_warnings` of a queued job; empty for other kinds, and once its dataset is deleted."""
    dataset = session.scalar(select(Dataset).where(Dataset.name == job.dataset))
    if job.kind != "train" or job.model is None or dataset is None:
        return []
    return model_warnings(session, job.model, dataset, job.resume_from, job.id)


def _what_is_served_next(model: Model, served: Checkpoint, dataset: Dataset) -> str:
    if model.checkpoint is not None:
        return "The served checkpoint was set by hand and stays."
    if served.kid is None:
        return "The newest checkpoint is served until one has a score."
    if comparable_with(served, dataset):
        return "One of its checkpoints is served when its KID is lower."
    return (
        f"The scores of both cannot be compared, because {dataset.name!r} has other pictures: the "
        "new training is served from its first score on. To keep serving the present checkpoint, "
        f"set it with PATCH /v1/models/{model.name}."
    )


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
    if start is not None and begun is not None:
        _check_continuable(dataset, start, begun)
    overrides = _overrides(request)
    _check_classes(dataset, overrides)
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


def _check_continuable(dataset: Dataset, start: Checkpoint, begun: TrainingConfig) -> None:
    """Refuse to go on from a checkpoint whose pictures or classes are not those of the dataset."""
    assert dataset.shape is not None
    which = f"resume_from: checkpoint {start.id} of model {start.model!r}"
    if tuple(dataset.shape) != begun.shape:
        height, width, _ = begun.shape
        raise InvalidRequest(
            f"{which} makes pictures of {_shape(begun.shape)}, and dataset {dataset.name!r} has "
            f"pictures of {_shape(dataset.shape)}: a training goes on with the same shape alone. "
            f"Add the pictures again as another dataset, with size={width}x{height} and "
            f"channels={CHANNELS[begun.shape[2]]}, or leave resume_from out",
            field="resume_from",
        )
    classes = tuple(dataset.classes or ())
    if begun.conditional and classes != begun.classes:
        raise InvalidRequest(
            f"{which} has learnt the classes {_few(begun.classes)}, and dataset {dataset.name!r} "
            f"has {_few(classes)}: a training goes on with the same classes alone. Name the "
            "folders of the dataset as the checkpoint's classes, or leave resume_from out",
            field="resume_from",
        )


def _shape(shape: Sequence[int]) -> str:
    """(height, width, channels) as people write it."""
    height, width, channels = shape
    return f"{width}×{height} in {CHANNELS[channels]}"


def _few(classes: Sequence[str]) -> str:
    more = f" and {len(classes) - CLASSES_SHOWN:,} more" if len(classes) > CLASSES_SHOWN else ""
    return ", ".join(classes[:CLASSES_SHOWN]) + more if classes else "none"


def _check_classes(dataset: Dataset, overrides: dict[str, Any]) -> None:
    """Say why a dataset has no classes, where its report knows."""
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
