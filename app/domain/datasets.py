"""Datasets: from an upload to a packed, immutable set of images."""

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain import jobs
from app.domain.database import now
from app.domain.errors import Conflict, NotFound
from app.domain.jobs import Claim
from app.domain.tables import Dataset, Job


def upload_prefix(dataset_id: str) -> str:
    """Where the files of an upload wait for their ingest."""
    return f"uploads/{dataset_id}"


def find(session: Session, name: str) -> Dataset:
    dataset = session.scalar(select(Dataset).where(Dataset.name == name))
    if dataset is None:
        raise NotFound(f"there is no dataset {name!r}", field="dataset")
    return dataset


def refuse_taken(session: Session, name: str) -> None:
    """Raise Conflict when the name is in use: asked before an upload is read, and again after."""
    if session.scalar(select(Dataset.number).where(Dataset.name == name)) is not None:
        raise Conflict(
            f"there is a dataset {name!r} already: choose another name, or delete it first",
            field="name",
        )


def create(
    session: Session,
    *,
    dataset_id: str,
    name: str,
    request: dict[str, Any],
    sources: list[dict[str, str]],
    max_queued: int,
) -> Dataset:
    """Register an upload and queue its ingest; `sources` are {name, key} of stored files."""
    refuse_taken(session, name)
    job = jobs.create(
        session,
        kind="ingest",
        dataset=name,
        config=request | {"dataset_id": dataset_id, "sources": sources},
        max_queued=max_queued,
    )
    dataset = Dataset(
        id=dataset_id,
        name=name,
        status="ingesting",
        job=job.id,
        request=request,
        created_at=now(),
    )
    session.add(dataset)
    session.flush()
    return dataset


def complete(session: Session, claim: Claim, key: str, packed: dict[str, Any]) -> None:
    """Point the dataset at its packed objects, as the holder of its ingest job."""
    jobs.hold(session, claim)
    session.execute(
        update(Dataset)
        .where(Dataset.job == claim.job_id)
        .values(
            status="ready",
            key=key,
            images=packed["images"],
            shape=packed["shape"],
            classes=packed["classes"],
            report=packed["report"],
            content_hash=packed["content_hash"],
            bytes=packed["bytes"],
        )
    )


def delete(session: Session, name: str) -> Dataset:
    """Forget a dataset; its objects below `key` are then the caller's to delete."""
    dataset = find(session, name)
    job = jobs.busy_with(session, Job.dataset == name)
    if job is not None:
        raise Conflict(
            f"dataset {name!r} is in use by job {job.id} ({job.status}): cancel it first"
        )
    session.delete(dataset)
    return dataset
