"""Synthesis: a request for many images of one checkpoint as files, and the disk space they need."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, prod
from typing import Any, Self

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain import datasets, jobs, registry
from app.domain.checkpoint_files import find_file
from app.domain.database import Database
from app.domain.errors import Conflict, InsufficientStorage, InvalidRequest
from app.domain.extras import is_installed, lacks_training
from app.domain.idempotency import create_once
from app.domain.images.checkpoint import GeneratorCheckpoint, find_label
from app.domain.images.replacement_seeds import MAX_MIN_QUALITY
from app.domain.job_states import ENDED, JobKind, Status
from app.domain.packing import PackingRequest
from app.domain.sample_indexes import index_missing, quality_unknown
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Dataset, Job, JobFile
from app.domain.training_pictures import NoPictures, training_pictures
from models.config import CHANNEL_NAMES, MAX_SEED
from models.scoring.sample_index import VERSION

LAYOUTS = ("zip", "imagefolder", "webdataset", "parquet")
IMAGE_FORMATS = ("png", "webp", "jpg")
MIN_IMAGES, MAX_IMAGES = 10, 10_000_000
SHARD_IMAGES = 10_000
MIN_SHARD_IMAGES, MAX_SHARD_IMAGES = 10, 100_000
MAX_SHARDS = 10_000
LOCAL_SHARDS = 3  # on the worker's disk at a time: one being written, two waiting to be stored
# Bytes that an image's file has in addition to its pixels: recipe and headers. A JPEG of black and
# white noise is larger than its pixels by 22 %, every other file by less than a kilobyte.
OVERHEAD_BYTES = {"zip": 2048, "imagefolder": 2048, "webdataset": 4096, "parquet": 2048}
JPEG_PERCENT = 125


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """Which images to generate and how to write them. Raises InvalidRequest for invalid values."""

    images: int
    seed: int = 0  # of the first image; each further image has the next seed
    class_name: str | None = None  # None: each seed draws its own class
    truncation: float = 1.0  # the factor ψ by which the latents are scaled
    layout: str = "zip"
    format: str = "png"
    shard_images: int = SHARD_IMAGES
    reject_copies: bool = False
    min_quality: float = 0.0  # of 100 random images, this many are below it
    into: str | None = None  # the dataset that is packed from the images

    def __post_init__(self) -> None:
        _check_range("images", self.images, MIN_IMAGES, MAX_IMAGES)
        _check_range("seed", self.seed, 0, MAX_SEED)
        _check_range("shard_images", self.shard_images, MIN_SHARD_IMAGES, MAX_SHARD_IMAGES)
        if self.seed + self.images - 1 > MAX_SEED:
            raise InvalidRequest(
                f"{self.images} images from seed {self.seed} on end beyond the last seed, "
                f"{MAX_SEED}: give fewer images or a smaller seed",
                field="images",
            )
        if not 0 < self.truncation <= 1:
            raise InvalidRequest(
                f"truncation {self.truncation} is out of range: above 0, at most 1",
                field="truncation",
            )
        if not 0 <= self.min_quality <= MAX_MIN_QUALITY:
            raise InvalidRequest(
                f"min_quality {self.min_quality:g} is out of range: 0 to {MAX_MIN_QUALITY:g}",
                field="min_quality",
            )
        if ceil(self.images / self.shard_images) > MAX_SHARDS:
            raise InvalidRequest(
                f"shard_images {self.shard_images} splits {self.images:,} images into more than "
                f"{MAX_SHARDS:,} shards: give at least {ceil(self.images / MAX_SHARDS):,}",
                field="shard_images",
            )
        # An API without the extra `train` has its workers elsewhere: they know whether they can.
        if self.layout == "parquet" and not lacks_training() and not is_installed("pyarrow"):
            raise InvalidRequest(
                "layout parquet needs an extra that is not installed here: pip install "
                '"moggy[parquet]", or choose another layout',
                field="layout",
            )

    def to_json(self) -> dict[str, Any]:
        return {
            "images": self.images,
            "seed": self.seed,
            "class": self.class_name,
            "truncation": self.truncation,
            "layout": self.layout,
            "format": self.format,
            "shard_images": self.shard_images,
            "reject_copies": self.reject_copies,
            "min_quality": self.min_quality,
            "into": self.into,
        }

    @classmethod
    def from_request(cls, request: dict[str, Any]) -> Self:
        """Fields that are None get their defaults."""
        if request["images"] is None:
            raise InvalidRequest(
                f"a job of kind synthesize needs images: {MIN_IMAGES} to {MAX_IMAGES:,}",
                field="images",
            )
        if request["into"] is not None and request["layout"] is None:
            request = request | {"layout": "imagefolder"}  # whose folders are classes
        names = {"class": "class_name"} | {name: name for name in cls.__dataclass_fields__}
        values = {names[name]: value for name, value in request.items() if name in names}
        return cls(**{name: value for name, value in values.items() if value is not None})


def queue_synthesis(
    database: Database,
    settings: Settings,
    store: ObjectStore,
    request: dict[str, Any],
    idempotency_key: str | None,
    wake: Callable[[str], None] = lambda _queue: None,
) -> Job:
    """Queue the synthesis that `request` describes, or return the earlier job of the same key.

    `request` has model, checkpoint and the fields of Synthesis, with `class` for class_name; None
    means the default. With `into`, a dataset of this name is registered, which a failed one of the
    name makes room for. With `min_quality` and without a sample index, the job that builds the
    index is queued instead, the workers of its queue are notified by `wake`, and IndexMissing is
    raised. Raises NotFound, Conflict, QueueFull, InvalidRequest, InsufficientStorage.
    """
    replaced: list[Dataset] = []

    def create(session: Session) -> Job:
        synthesis = Synthesis.from_request(request)
        row = registry.lock_checkpoint(session, request["model"], request["checkpoint"])
        checkpoint = GeneratorCheckpoint.of(row)
        if synthesis.class_name is not None:
            find_label(checkpoint, synthesis.class_name)
        image_bytes = max_image_bytes(checkpoint.shape, synthesis.layout, synthesis.format)
        check_disk(session, settings, store, synthesis.images, synthesis.shard_images, image_bytes)
        config = synthesis.to_json()
        if synthesis.min_quality:
            config["index"] = _quality_index(session, checkpoint)
        job = jobs.create(
            session,
            kind=JobKind.SYNTHESIZE,
            model=checkpoint.model,
            dataset=_lock_training_dataset(session, checkpoint)
            if synthesis.reject_copies
            else None,
            checkpoint=checkpoint.id,
            config=config,
            max_queued=settings.max_queued_jobs,
        )
        if synthesis.into is not None:
            packing = packing_request(checkpoint)
            replaced[:] = datasets.reserve(session, synthesis.into, job, packing)
        return job

    try:
        job = create_once(database, request, idempotency_key, create)
    except _NotIndexed as exc:
        raise index_missing(database, settings, exc.checkpoint, wake) from exc
    for dataset in replaced:
        datasets.delete_objects(store, dataset)
    return job


def packing_request(checkpoint: GeneratorCheckpoint) -> PackingRequest:
    """The options that pack generated images with the shape that the model gave them."""
    height, width, channels = checkpoint.shape
    return PackingRequest(size=f"{width}x{height}", channels=CHANNEL_NAMES[channels])


def _lock_training_dataset(session: Session, checkpoint: GeneratorCheckpoint) -> str:
    """Return the name of the dataset that the checkpoint learnt from; the job keeps it in use."""
    try:
        pictures = training_pictures(session, checkpoint.id)
    except NoPictures as exc:
        raise Conflict(
            f"copies cannot be recognised: {exc}. Leave reject_copies out",
            field="reject_copies",
        ) from exc
    return datasets.lock_ready(session, pictures.dataset).name


class _NotIndexed(Exception):
    """The checkpoint has no sample index, or one of an older version."""

    def __init__(self, checkpoint: GeneratorCheckpoint) -> None:
        super().__init__(checkpoint.id)
        self.checkpoint = checkpoint


def _quality_index(session: Session, checkpoint: GeneratorCheckpoint) -> str:
    """Return the sha256 of the sample index that defines the quality of the checkpoint's images.

    An index of an older version is built anew, as for a search.
    """
    file = find_file(session, checkpoint.id, JobKind.INDEX)
    if file is None or file.details["version"] != VERSION:
        raise _NotIndexed(checkpoint)
    absent = file.details["quality_absent"]
    if absent is not None:
        raise quality_unknown(absent, "min_quality")
    return file.sha256


def _check_range(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidRequest(f"{field} {value} is out of range: {least} to {most}", field=field)


def check_disk(
    session: Session,
    settings: Settings,
    store: ObjectStore,
    images: int,
    shard_images: int,
    image_bytes: int,
) -> None:
    """Raise InsufficientStorage if the files may not fit.

    The store's disk must have space for all of them, and for the files that unfinished jobs have
    yet to store. If the runs are on another disk, or the store is a bucket, the disk of the runs
    must have space for the local shards of this job and of the running ones.
    """
    free = store.free_bytes()
    if free is not None:
        others = sum(missing * size for missing, _, size in _unfinished(session))
        _check_free("the disk", images, images * image_bytes, others, free)
    if settings.runs.is_dir() and (free is None or _runs_on_another_disk(settings)):
        needed = min(images, LOCAL_SHARDS * shard_images) * image_bytes
        others = sum(
            min(missing, LOCAL_SHARDS * shard) * size
            for missing, shard, size in _unfinished(session, Status.RUNNING)
        )
        free = shutil.disk_usage(settings.runs).free
        _check_free(f"the disk of {settings.runs}", images, needed, others, free)


def max_image_bytes(shape: tuple[int, int, int], layout: str, image_format: str) -> int:
    """Return an upper bound for the bytes of one image's file.

    Noise makes the largest files; the first checkpoints of a training generate it.
    """
    percent = JPEG_PERCENT if image_format == "jpg" else 100
    return prod(shape) * percent // 100 + OVERHEAD_BYTES[layout]


def _unfinished(session: Session, status: Status | None = None) -> list[tuple[int, int, int]]:
    """For each unfinished synthesis: (images not stored yet, images per shard, bytes per image)."""
    stored = select(func.coalesce(func.sum(JobFile.images), 0)).where(JobFile.job == Job.id)
    query = (
        select(Job.config, Checkpoint, stored.scalar_subquery())
        .join(Checkpoint, Checkpoint.id == Job.checkpoint)
        .where(Job.kind == JobKind.SYNTHESIZE)
        .where(Job.status.not_in(ENDED) if status is None else Job.status == status)
    )
    return [
        (
            config["images"] - images,
            config["shard_images"],
            max_image_bytes(GeneratorCheckpoint.of(row).shape, config["layout"], config["format"]),
        )
        for config, row, images in session.execute(query)
    ]


def _runs_on_another_disk(settings: Settings) -> bool:
    return settings.runs.stat().st_dev != (settings.home / "objects").stat().st_dev


def _check_free(disk: str, images: int, needed: int, others: int, free: int) -> None:
    if needed + others > free:
        beside = f", of which other jobs may take {others:,}" if others else ""
        raise InsufficientStorage(
            f"{images:,} images may take {needed:,} bytes, and {disk} has {free:,} free{beside}: "
            "give fewer images, or free some space",
            field="images",
        )
