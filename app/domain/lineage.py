"""The lineage of a checkpoint: the training, the pictures and the checkpoint that it comes from."""

from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.job_states import JobKind
from app.domain.tables import Checkpoint, Dataset, Job

SHA256_LENGTH = 64


def checkpoint_lineage(session: Session, checkpoint: Checkpoint, backend: str) -> dict[str, Any]:
    """Describe where a checkpoint comes from, as JSON; equal until its training's records change.

    `dataset`, `job` and `resumed_from` are null where they are not known. Of an imported checkpoint
    `imported` is the lineage that came with it, and `dataset` is the dataset named there. `backend`
    names the runtime that generates its images here.
    """
    job = session.scalar(select(Job).where(Job.id == checkpoint.job)) if checkpoint.job else None
    training = job if job is not None and job.kind == JobKind.TRAIN else None
    origin = _origin(checkpoint)
    return {
        "model": checkpoint.model,
        "checkpoint": checkpoint.id,
        "sha256": checkpoint.sha256,
        "images_seen": checkpoint.images_seen,
        "created_at": _time(checkpoint.created_at),
        "config": checkpoint.config,
        "job": _describe_job(training) if training else None,
        "dataset": _describe_dataset(session, checkpoint, training)
        if training
        else (origin or {}).get("dataset"),
        "resumed_from": _describe_start(session, training) if training else None,
        "imported": origin,
        "versions": {"moggy": version("moggy"), "backend": backend},
    }


def scores(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """Return the checkpoint's scores; for an imported checkpoint, those of its bundle."""
    metrics = checkpoint.metrics or (checkpoint.imported or {}).get("metrics")
    return dict(metrics) if metrics else None


def _origin(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """The lineage of the training of imported weights, however often they were imported since."""
    lineage = (checkpoint.imported or {}).get("lineage")
    if not isinstance(lineage, dict):
        return None
    first = lineage.get("imported")
    return first if isinstance(first, dict) else lineage


def _describe_job(job: Job) -> dict[str, Any]:
    return {"id": job.id, "preset": job.preset, "created_at": _time(job.created_at)}


def _describe_dataset(
    session: Session, checkpoint: Checkpoint, training: Job
) -> dict[str, Any] | None:
    """The dataset of a training. One of the same name that is younger is another dataset."""
    if training.dataset is None:
        return None
    dataset = session.scalar(select(Dataset).where(Dataset.name == training.dataset))
    if dataset is not None and dataset.created_at <= training.created_at:
        content_hash, images = dataset.content_hash, dataset.images
    else:  # it was deleted, and its scores still name its hash
        against = (checkpoint.scored_against or "").partition(" ")[0]
        content_hash, images = (against if len(against) == SHA256_LENGTH else None), None
    return {"name": training.dataset, "content_hash": content_hash, "images": images}


def _describe_start(session: Session, training: Job) -> dict[str, Any] | None:
    """The checkpoint that a training continued from; only its id once that one is deleted."""
    if training.resume_from is None:
        return None
    query = select(Checkpoint).where(Checkpoint.id == training.resume_from)
    start = session.scalar(query)
    return {
        "checkpoint": training.resume_from,
        "model": start.model if start else None,
        "sha256": start.sha256 if start else None,
        "images_seen": start.images_seen if start else None,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
