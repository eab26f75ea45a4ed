"""Datasets: from an upload to a packed, immutable set of images."""

import json
import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import code_pages, jobs
from app.domain.database import Database
from app.domain.errors import Conflict, InvalidRequest, NotFound
from app.domain.leases import Claim, hold
from app.domain.store import ObjectStore
from app.domain.tables import Dataset, Job
from models.config import MAX_SIDE, MIN_SIDE

SIZE = re.compile(r"(\d{1,4})(?:x(\d{1,4}))?", re.ASCII)
NPY_HEAD = 10  # bytes before the header
CHOICES = {
    "fit": ("crop", "pad", "stretch"),
    "channels": ("auto", "rgb", "grey", "rgba"),
    "horizontal_flip": ("auto", "yes", "no"),
    "near_duplicates": ("keep", "drop"),
    "unclassified": ("ignore-classes", "drop"),
    "levels": ("full", "auto"),
}


class NameTaken(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is a dataset {name!r} already: choose another name, or delete it first",
            field="name",
        )


@dataclass(frozen=True, kw_only=True)
class PackingRequest:
    """What every picture of an upload is made into. `size` is a side, or WIDTHxHEIGHT."""

    size: str = "64"
    fit: str = "crop"
    channels: str = "auto"
    horizontal_flip: str = "auto"  # auto: the pictures themselves decide
    near_duplicates: str = "keep"  # keep: they are only reported
    unclassified: str = "ignore-classes"  # where some pictures have a class and others none
    names: str = code_pages.AUTO  # the code page of names in archives that are not UTF-8
    levels: str = "full"  # auto: the values that occur are spread from black to white

    def __post_init__(self) -> None:
        for field, values in CHOICES.items():
            value = getattr(self, field)
            if value not in values:
                raise InvalidRequest(
                    f"{field} {value[:50]!r} is not one of {', '.join(values)}", field=field
                )
        if not all(MIN_SIDE <= side <= MAX_SIDE for side in self.sides):
            raise InvalidRequest(
                f"size {self.size[:50]!r} is neither a side like 64 nor WIDTHxHEIGHT like 96x64; "
                f"a side is {MIN_SIDE} to {MAX_SIDE} pixels",
                field="size",
            )
        code_pages.find_codec(self.names)

    @property
    def sides(self) -> tuple[int, int]:
        """(width, height); zeros where it is none."""
        match = SIZE.fullmatch(self.size)
        if match is None:
            return 0, 0
        width, height = match.groups()
        return int(width), int(height or width)

    def to_json(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Of what was asked before there was a choice, the default is meant."""
        return cls(**{name: str(data[name]) for name in asdict(cls()) if name in data})


def upload_prefix(dataset_id: str) -> str:
    """Where the files of an upload wait for their ingest."""
    return f"uploads/{dataset_id}"


def store_upload(store: ObjectStore, dataset_id: str, files: list[tuple[str, Path]]) -> None:
    """Move the uploaded files, each with the name that its user gave it, into the store."""
    prefix = upload_prefix(dataset_id)
    keys = [f"{prefix}/{place:06d}" for place in range(len(files))]
    store.move_all_in([(path, key) for key, (_, path) in zip(keys, files, strict=True)])
    sources = [{"name": name, "key": key} for key, (name, _) in zip(keys, files, strict=True)]
    store.put_bytes(f"{prefix}/sources.json", json.dumps(sources).encode())


def read_upload(store: ObjectStore, dataset_id: str) -> list[dict[str, str]]:
    """The {name, key} of every file of an upload, in the order they came."""
    sources: list[dict[str, str]] = json.loads(
        store.get_bytes(f"{upload_prefix(dataset_id)}/sources.json")
    )
    return sources


def find(
    session: Session, name: str, lock: Literal["shared", "exclusive"] | None = None
) -> Dataset:
    """With a lock, nobody deletes it until the transaction ends."""
    query = select(Dataset).where(Dataset.name == name)
    if lock is not None:
        query = query.with_for_update(read=lock == "shared")
        query = query.execution_options(populate_existing=True)
    dataset = session.scalar(query)
    if dataset is None:
        raise NotFound(f"there is no dataset {name!r}", field="dataset")
    return dataset


def packed_prefix(session: Session, name: str | None) -> str:
    """Where the packed images of a ready dataset are."""
    dataset = find(session, name or "")
    if dataset.key is None:
        raise not_ready(dataset)
    return dataset.key


def refuse_taken(session: Session, name: str) -> None:
    """Raise Conflict when the name is in use. A dataset that failed does not keep its name."""
    status = session.scalar(select(Dataset.status).where(Dataset.name == name))
    if status not in (None, "failed"):
        raise NameTaken(name)


def register_upload(
    database: Database,
    store: ObjectStore,
    *,
    dataset_id: str,
    name: str,
    request: PackingRequest,
    files: list[tuple[str, Path]],
    max_queued: int,
) -> Dataset:
    """Store the files, register the dataset and queue its ingest; or leave nothing behind.

    A dataset of this name that failed is replaced.
    """
    with database.read() as session:
        refuse_taken(session, name)
    try:
        store_upload(store, dataset_id, files)
        with database.write() as session:
            replaced = _forget_failed(session, name)
            dataset = create(
                session,
                dataset_id=dataset_id,
                name=name,
                request=request,
                max_queued=max_queued,
            )
    except IntegrityError as exc:
        store.delete_prefix(upload_prefix(dataset_id))
        raise NameTaken(name) from exc  # another upload of this name was a moment faster
    except BaseException:
        store.delete_prefix(upload_prefix(dataset_id))
        raise
    if replaced is not None:
        delete_objects(store, replaced)
    return dataset


def _forget_failed(session: Session, name: str) -> Dataset | None:
    """Delete the row of the dataset of this name if it failed, and return it."""
    query = select(Dataset).where(Dataset.name == name, Dataset.status == "failed")
    dataset = session.scalar(query.with_for_update())
    if dataset is not None:
        session.delete(dataset)
        session.flush()
    return dataset


def create(
    session: Session,
    *,
    dataset_id: str,
    name: str,
    request: PackingRequest,
    max_queued: int,
) -> Dataset:
    """Register an upload that is in the store, and queue its ingest."""
    refuse_taken(session, name)
    job = jobs.create(
        session,
        kind="ingest",
        dataset=name,
        config=request.to_json() | {"dataset_id": dataset_id},
        max_queued=max_queued,
    )
    dataset = Dataset(
        id=dataset_id,
        name=name,
        status="ingesting",
        job=job.id,
        request=request.to_json(),
    )
    session.add(dataset)
    session.flush()
    return dataset


def complete(session: Session, claim: Claim, key: str, packed: dict[str, Any]) -> None:
    """Point the dataset at its packed objects, as the holder of its ingest job."""
    hold(session, claim)
    session.execute(
        update(Dataset)
        .where(Dataset.job == claim.job_id)
        .values(
            status="ready",
            key=key,
            images=packed["images"],
            shape=packed["shape"],
            classes=packed["classes"],
            horizontal_flip=packed["horizontal_flip"],
            report=packed["report"],
            content_hash=packed["content_hash"],
            bytes=packed["bytes"],
        )
    )


def read_preview(store: ObjectStore, dataset: Dataset) -> bytes:
    """The PNG of the dataset's contact sheet."""
    refuse_unready(dataset)
    return _read(store, dataset, "preview.png")


def read_doctor(store: ObjectStore, dataset: Dataset) -> bytes:
    """The PNG of the worst pictures of each kind."""
    refuse_unready(dataset)
    if "doctor" not in (dataset.report or {}):
        raise NotFound(
            f"dataset {dataset.name!r} was packed before pictures were examined: upload it again"
        )
    return _read(store, dataset, "doctor.png")


def _read(store: ObjectStore, dataset: Dataset, file: str) -> bytes:
    try:
        return store.get_bytes(f"{dataset.key}/{file}")
    except FileNotFoundError as exc:
        raise NotFound(f"dataset {dataset.name!r} is being deleted") from exc


def refuse_absent(dataset: Dataset, index: int) -> None:
    """Raise NotFound where the dataset has no picture of this number."""
    refuse_unready(dataset)
    assert dataset.images is not None
    if not 0 <= index < dataset.images:
        raise NotFound(
            f"dataset {dataset.name!r} has {dataset.images:,} pictures, numbered 0 to "
            f"{dataset.images - 1}: there is no {index}",
            field="index",
        )


def read_image(store: ObjectStore, dataset: Dataset, index: int) -> bytes:
    """The pixels of one packed picture, (H, W, C). Nothing else is read."""
    refuse_absent(dataset, index)
    assert dataset.shape is not None
    key, size = f"{dataset.key}/images.npy", math.prod(dataset.shape)
    try:
        # An npy file: magic and version in 8 bytes, the length of its header in 2.
        header = NPY_HEAD + int.from_bytes(store.get_range(key, NPY_HEAD - 2, 2), "little")
        return store.get_range(key, header + index * size, size)
    except FileNotFoundError as exc:
        raise NotFound(f"dataset {dataset.name!r} is being deleted") from exc


def refuse_unready(dataset: Dataset, field: str | None = None) -> None:
    """Raise Conflict while the dataset is being packed, or when that failed."""
    if dataset.status != "ready":
        raise not_ready(dataset, field)


def not_ready(dataset: Dataset, field: str | None = None) -> Conflict:
    """What to do about a dataset that is being packed, or whose packing failed."""
    if dataset.status == "failed":
        reason = f" ({dataset.error})" if dataset.error else ""
        remedy = f"it could not be packed{reason}: upload its pictures again under this name"
    else:
        remedy = f"wait until job {dataset.job} has packed it"
    detail = f"dataset {dataset.name!r} is {dataset.status}, not ready: {remedy}"
    return Conflict(detail, field=field)


def delete(session: Session, name: str) -> Dataset:
    """Forget a dataset; its objects are then to be deleted by `delete_objects`."""
    dataset = find(session, name, "exclusive")  # a job that is being asked for comes first
    job = jobs.busy_with(session, Job.dataset == name)
    if job is not None:
        raise Conflict(
            f"dataset {name!r} is in use by job {job.id} ({job.status}): cancel it first"
        )
    session.delete(dataset)
    return dataset


def delete_objects(store: ObjectStore, dataset: Dataset) -> None:
    """Free the bytes of a dataset that was forgotten."""
    store.delete_prefix(f"datasets/{dataset.id}")
    store.delete_prefix(upload_prefix(dataset.id))
