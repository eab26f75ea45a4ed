"""Whether the files of a synthesis fit the disks, beside those that others may still write."""

import shutil
from math import prod

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.errors import InsufficientStorage
from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.job_states import ENDED, Status
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Job, JobFile

SHARDS_AT_HAND = 3  # one that is written, two that wait to be stored
# Of a picture, with its lines and headers; a JPEG of black and white noise is larger than its
# values by 22 %, and every other file by less than a kilobyte.
BYTES_BESIDE = {"zip": 2048, "imagefolder": 2048, "webdataset": 4096, "parquet": 2048}
JPEG_PERCENT = 125


def check_room(
    session: Session,
    settings: Settings,
    store: ObjectStore,
    images: int,
    shard_images: int,
    picture_bytes: int,
) -> None:
    """Raises InsufficientStorage where so many may not fit.

    In the store all must, with what unfinished jobs still lack; where shards are written before
    they go to a bucket or to another disk, those at hand must, with those of the running jobs.
    """
    free = store.free_bytes()
    if free is not None:
        taken = sum(lacking * size for lacking, _, size in _lacking(session))
        _check("the disk", images, images * picture_bytes, taken, free)
    if settings.runs.is_dir() and (free is None or _is_elsewhere(settings)):
        needed = min(images, SHARDS_AT_HAND * shard_images) * picture_bytes
        others = _lacking(session, Status.RUNNING)
        taken = sum(min(lacking, SHARDS_AT_HAND * shard) * size for lacking, shard, size in others)
        free = shutil.disk_usage(settings.runs).free
        _check(f"the disk of {settings.runs}", images, needed, taken, free)


def picture_bytes(shape: tuple[int, int, int], layout: str, image_format: str) -> int:
    """The most that a picture may take: of one that is little but noise, as the first checkpoints
    make; a better one takes less."""
    percent = JPEG_PERCENT if image_format == "jpg" else 100
    return prod(shape) * percent // 100 + BYTES_BESIDE[layout]


def _lacking(session: Session, status: Status | None = None) -> list[tuple[int, int, int]]:
    """Of each unfinished synthesis the images not stored yet, those of a shard, and the bytes of
    one."""
    stored = select(func.coalesce(func.sum(JobFile.images), 0)).where(JobFile.job == Job.id)
    query = (
        select(Job.config, Checkpoint, stored.scalar_subquery())
        .join(Checkpoint, Checkpoint.id == Job.checkpoint)
        .where(Job.kind == "synthesize")
        .where(Job.status.not_in(ENDED) if status is None else Job.status == status)
    )
    return [
        (
            config["images"] - images,
            config["shard_images"],
            picture_bytes(ServedCheckpoint.of(row).shape, config["layout"], config["format"]),
        )
        for config, row, images in session.execute(query)
    ]


def _is_elsewhere(settings: Settings) -> bool:
    """Whether shards are written to another disk than that which keeps them."""
    return settings.runs.stat().st_dev != (settings.home / "objects").stat().st_dev


def _check(disk: str, images: int, needed: int, taken: int, free: int) -> None:
    if needed + taken > free:
        beside = f", of which other jobs may take {taken:,}" if taken else ""
        raise InsufficientStorage(
            f"{images:,} images may take {needed:,} bytes and {disk} has {free:,} free{beside}: "
            "ask for fewer, or make room",
            field="images",
        )
