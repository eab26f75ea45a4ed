"""Datasets: uploads are stored, queued for ingest, and become packed, immutable sets of images."""

import json
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import jobs
from app.domain.database import Database
from app.domain.errors import Conflict, InUse, NameTaken, NotFound
from app.domain.job_states import JobKind
from app.domain.leases import Claim, lock_job
from app.domain.owners import acting_for
from app.domain.packing import PackingRequest
from app.domain.store import ObjectStore
from app.domain.tables import Dataset, Job


def name_taken(name: str) -> NameTaken:
    return NameTaken(
        f"there is a dataset {name!r} already: choose another name, or delete it first",
        field="name",
        value=name,
    )


def upload_prefix(dataset_id: str) -> str:
    """The prefix below which the files of an upload are stored until they are ingested."""
    return f"uploads/{dataset_id}"


def store_upload(store: ObjectStore, dataset_id: str, files: list[tuple[str, Path]]) -> None:
    """Move the uploaded files, each (name given by the user, path), into the store."""
    prefix = upload_prefix(dataset_id)
    keys = [f"{prefix}/{index:06d}" for index in range(len(files))]
    store.move_all_in([(path, key) for key, (_, path) in zip(keys, files, strict=True)])
    names = [name for name, _ in files]
    store_sources(store, dataset_id, list(zip(names, keys, strict=True)))


def read_upload(store: ObjectStore, dataset_id: str) -> list[dict[str, str]]:
    """Return the {name, key} of every file of an upload, in upload order."""
    sources: list[dict[str, str]] = json.loads(
        store.get_bytes(f"{upload_prefix(dataset_id)}/sources.json")
    )
    return sources


def find(
    session: Session, name: str, lock: Literal["shared", "exclusive"] | None = None
) -> Dataset:
    """Return a dataset by its name. With `lock` it cannot be deleted until the transaction ends."""
    query = select(Dataset).where(Dataset.name == name)
    if lock is not None:
        query = query.with_for_update(read=lock == "shared")
        query = query.execution_options(populate_existing=True)
    dataset = session.scalar(query)
    if dataset is None:
        raise NotFound(f"there is no dataset {name!r}", field="dataset")
    return dataset


def lock_ready(session: Session, name: str) -> Dataset:
    """Return a ready dataset, which cannot be deleted until the transaction ends.

    Raises NotFound, or Conflict if it is not ready.
    """
    dataset = find(session, name, "shared")
    check_ready(dataset, field="dataset")
    return dataset


def packed_prefix(session: Session, name: str | None) -> str:
    """The prefix below which the packed images of a ready dataset are stored."""
    dataset = find(session, name or "")
    if dataset.key is None:
        raise not_ready(dataset)
    return dataset.key


def check_name_free(session: Session, name: str) -> None:
    """Raise NameTaken if the name is in use. The name of a failed dataset is free."""
    status = session.scalar(select(Dataset.status).where(Dataset.name == name))
    if status not in (None, "failed"):
        raise name_taken(name)


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
    """Store the files, register the dataset and queue its ingest. On an error nothing stays stored.

    A failed dataset of this name is replaced.
    """
    with database.read() as session:
        check_name_free(session, name)
    try:
        store_upload(store, dataset_id, files)
        with database.write() as session:
            replaced = _delete_failed(session, name)
            dataset = create(
                session,
                dataset_id=dataset_id,
                name=name,
                request=request,
                max_queued=max_queued,
            )
    except IntegrityError as exc:
        store.delete_prefix(upload_prefix(dataset_id))
        raise name_taken(name) from exc  # a concurrent upload of this name was committed first
    except BaseException:
        store.delete_prefix(upload_prefix(dataset_id))
        raise
    if replaced is not None:
        delete_objects(store, replaced)
    return dataset


def _delete_failed(session: Session, name: str) -> Dataset | None:
    """Delete the row of the dataset of this name if it failed, and return that row."""
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
    """Register an upload that is in the store already, and queue its ingest."""
    check_name_free(session, name)
    job = _queue_ingest(session, dataset_id, name, request, max_queued)
    return _add(session, dataset_id, name, request, job)


def reserve(session: Session, name: str, job: Job, request: PackingRequest) -> list[Dataset]:
    """Register a dataset that is to be packed from the files of the synthesis `job`.

    Returns the failed dataset of this name that it replaces, if any; the caller deletes its
    objects. Raises NameTaken.
    """
    check_name_free(session, name)
    replaced = _delete_failed(session, name)
    _add(session, jobs.new_id(), name, request, job)
    return [replaced] if replaced is not None else []


def find_reserved(session: Session, job_id: str, *, lock: bool = False) -> Dataset:
    """Return the dataset that waits for the files of this synthesis."""
    query = select(Dataset).where(Dataset.job == job_id)
    dataset = session.scalar(query.with_for_update() if lock else query)
    assert dataset is not None  # it cannot be deleted before the synthesis ends
    return dataset


def store_sources(store: ObjectStore, dataset_id: str, files: list[tuple[str, str]]) -> None:
    """Name files of the store, each (name, key), as the upload of a reserved dataset."""
    sources = [{"name": name, "key": key} for name, key in files]
    store.put_bytes(f"{upload_prefix(dataset_id)}/sources.json", json.dumps(sources).encode())


def pack_reserved(session: Session, job_id: str) -> Dataset:
    """Queue the ingest of the dataset whose sources the synthesis has stored, for its owner."""
    dataset = find_reserved(session, job_id, lock=True)
    request = PackingRequest.from_json(dataset.request)
    with acting_for(jobs.find(session, job_id).owner):
        dataset.job = _queue_ingest(session, dataset.id, dataset.name, request, None).id
    return dataset


def _queue_ingest(
    session: Session, dataset_id: str, name: str, request: PackingRequest, max_queued: int | None
) -> Job:
    return jobs.create(
        session,
        kind=JobKind.INGEST,
        dataset=name,
        config=request.to_json() | {"dataset_id": dataset_id},
        max_queued=max_queued,
    )


def _add(
    session: Session, dataset_id: str, name: str, request: PackingRequest, job: Job
) -> Dataset:
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
    """Mark the dataset ready with its packed objects, as the holder of its ingest job."""
    lock_job(session, claim)
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


def check_ready(dataset: Dataset, field: str | None = None) -> None:
    """Raise Conflict if the dataset is being packed, or could not be packed."""
    if dataset.status != "ready":
        raise not_ready(dataset, field)


def not_ready(dataset: Dataset, field: str | None = None) -> Conflict:
    """The error for a dataset that is being packed, or could not be packed."""
    if dataset.status == "failed":
        reason = f" ({dataset.error})" if dataset.error else ""
        remedy = f"it could not be packed{reason}: upload its pictures again under this name"
    else:
        remedy = f"wait until job {dataset.job} has packed it"
    detail = f"dataset {dataset.name!r} is {dataset.status}, not ready: {remedy}"
    return Conflict(detail, field=field)


def delete(session: Session, name: str) -> Dataset:
    """Delete the dataset's row. The caller then deletes its objects with `delete_objects`."""
    dataset = find(session, name, "exclusive")  # waits for a job that is being created
    job = jobs.find_unfinished(session, or_(Job.dataset == name, Job.id == dataset.job))
    if job is not None:
        raise InUse(f"dataset {name!r} is in use by job {job.id} ({job.status}): cancel it first")
    session.delete(dataset)
    return dataset


def delete_objects(store: ObjectStore, dataset: Dataset) -> None:
    """Delete the objects of a dataset whose row is deleted."""
    store.delete_prefix(f"datasets/{dataset.id}")
    store.delete_prefix(upload_prefix(dataset.id))
