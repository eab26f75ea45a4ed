"""Asking for a synthesis: many pictures of one checkpoint, written as files to be fetched."""

import importlib.util
from dataclasses import dataclass
from math import ceil
from typing import Any, Self

from sqlalchemy.orm import Session

from app.domain import jobs, registry
from app.domain.database import Database
from app.domain.errors import Conflict, InvalidRequest
from app.domain.idempotency import ask_once, hold_dataset
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.images.classes import find_label
from app.domain.lineage import NoPictures, training_pictures
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.synthesis_room import check_room, picture_bytes
from app.domain.tables import Job
from models.config import MAX_SEED

LAYOUTS = ("zip", "imagefolder", "webdataset", "parquet")
FORMATS = ("png", "webp", "jpg")
LEAST_IMAGES, MAX_IMAGES = 10, 10_000_000
SHARD_IMAGES = 10_000
LEAST_SHARD_IMAGES, MAX_SHARD_IMAGES = 10, 100_000
MAX_SHARDS = 10_000


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """Which pictures, and how they are written. Raises InvalidRequest for what cannot be."""

    images: int
    seed: int = 0  # of the first one; each next one has the next seed
    class_name: str | None = None  # None: each seed draws its own
    layout: str = "zip"
    format: str = "png"
    shard_images: int = SHARD_IMAGES
    reject_copies: bool = False

    def __post_init__(self) -> None:
        _check_range("images", self.images, LEAST_IMAGES, MAX_IMAGES)
        _check_range("seed", self.seed, 0, MAX_SEED)
        _check_range("shard_images", self.shard_images, LEAST_SHARD_IMAGES, MAX_SHARD_IMAGES)
        if self.seed + self.images - 1 > MAX_SEED:
            raise InvalidRequest(f"the last seed would be beyond {MAX_SEED}", field="images")
        if ceil(self.images / self.shard_images) > MAX_SHARDS:
            raise InvalidRequest(
                f"shard_images {self.shard_images} makes more than {MAX_SHARDS:,} shards of "
                f"{self.images:,} images: at least {ceil(self.images / MAX_SHARDS):,} are needed",
                field="shard_images",
            )
        if self.layout == "parquet" and importlib.util.find_spec("pyarrow") is None:
            raise InvalidRequest(
                "layout parquet is written by an extra that is not installed here: pip install "
                '"moggy[parquet]", or choose another layout',
                field="layout",
            )

    def to_json(self) -> dict[str, Any]:
        return {
            "images": self.images,
            "seed": self.seed,
            "class": self.class_name,
            "layout": self.layout,
            "format": self.format,
            "shard_images": self.shard_images,
            "reject_copies": self.reject_copies,
        }

    @classmethod
    def from_request(cls, request: dict[str, Any]) -> Self:
        """What is None is not asked for, and its default is meant."""
        if request["images"] is None:
            raise InvalidRequest(
                f"a job of kind synthesize needs images: {LEAST_IMAGES} to {MAX_IMAGES:,}",
                field="images",
            )
        names = {"class": "class_name"} | {name: name for name in cls.__dataclass_fields__}
        given = {names[name]: value for name, value in request.items() if name in names}
        return cls(**{name: value for name, value in given.items() if value is not None})


def queue_synthesis(
    database: Database,
    settings: Settings,
    store: ObjectStore,
    request: dict[str, Any],
    idempotency_key: str | None,
) -> Job:
    """Queue the synthesis that `request` describes, or answer the job that its key made before.

    `request` has model, checkpoint and the fields of Synthesis, `class` for its class_name; what
    is None is not asked for. Raises NotFound, Conflict, QueueFull, InvalidRequest or
    InsufficientStorage.
    """

    def create(session: Session) -> Job:
        synthesis = Synthesis.from_request(request)
        row = registry.find_subject(session, request["model"], request["checkpoint"])
        checkpoint = ServedCheckpoint.of(row)
        if synthesis.class_name is not None:
            find_label(checkpoint, synthesis.class_name)
        size = picture_bytes(checkpoint.shape, synthesis.layout, synthesis.format)
        check_room(session, settings, store, synthesis.images, synthesis.shard_images, size)
        return jobs.create(
            session,
            kind="synthesize",
            model=checkpoint.model,
            dataset=_compared(session, checkpoint) if synthesis.reject_copies else None,
            checkpoint=checkpoint.id,
            config=synthesis.to_json(),
            max_queued=settings.max_queued_jobs,
        )

    return ask_once(database, request, idempotency_key, create)


def _compared(session: Session, checkpoint: ServedCheckpoint) -> str:
    """The dataset of the checkpoint's own training, which from now on is in use."""
    try:
        pictures = training_pictures(session, checkpoint.id)
    except NoPictures as exc:
        raise Conflict(
            f"copies cannot be told from other images: {exc}. Leave reject_copies out",
            field="reject_copies",
        ) from exc
    return hold_dataset(session, pictures.dataset).name


def _check_range(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidRequest(f"{field} {value} is out of range: {least} to {most}", field=field)
