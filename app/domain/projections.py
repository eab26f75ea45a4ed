"""Projections: requests to find the latents of pictures, and the latents that were found."""

import hashlib
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import jobs
from app.domain.checkpoint_files import has_file, queue_job
from app.domain.database import Database
from app.domain.errors import Conflict, NotFound
from app.domain.images.checkpoint import GeneratorCheckpoint, find_label
from app.domain.job_objects import file_key
from app.domain.job_states import JobKind, Status
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Job, JobFile
from models.samples import Vector

PICTURE_FILE = "picture.png"  # of the job: the picture as it was prepared


class PreparedPicture(NamedTuple):
    """A picture in the shape of the checkpoint, as a PNG, and where it comes from."""

    file: str  # the name that its sender gave it
    fit: str
    png: bytes


def find_projection(session: Session, job_id: str) -> Job:
    """Return a job of kind project. Raises NotFound."""
    job = session.scalar(select(Job).where(Job.id == job_id, Job.kind == JobKind.PROJECT))
    if job is None:
        raise NotFound(
            f"there is no projection {job_id[:100]!r}: POST /v1/models/NAME/projections makes one"
        )
    return job


def projection_latent(session: Session, model: str, job_id: str) -> Vector:
    """The latent that the projection `job_id` found for a picture, (D,).

    Raises NotFound unless it is a projection onto this model, and Conflict if it has not succeeded.
    """
    query = select(Job).where(Job.id == job_id, Job.kind == JobKind.PROJECT, Job.model == model)
    job = session.scalar(query)
    if job is None:
        raise NotFound(
            f"model {model!r} has no projection {job_id[:100]!r}: "
            f"POST /v1/models/{model}/projections makes one of a picture"
        )
    return np.array(projection_result(job)["latent"], np.float32)


def projection_result(job: Job) -> dict[str, Any]:
    """The result of a projection. Raises Conflict if it has not succeeded."""
    if job.status != Status.SUCCEEDED or job.result is None:
        raise Conflict(
            f"projection {job.id!r} is {job.status}: its latent exists once it has succeeded"
        )
    return job.result


def queue_projection(
    database: Database,
    settings: Settings,
    store: ObjectStore,
    checkpoint: GeneratorCheckpoint,
    class_name: str | None,
    picture: PreparedPicture,
) -> list[Job]:
    """Queue the projection of a picture; return it, before it the job of a missing encoder if any.

    On an error nothing stays stored. Raises NotFound, InvalidRequest for the class, QueueFull.
    """
    if class_name is not None:
        find_label(checkpoint, class_name)
    job_id = jobs.new_id()
    key = file_key(job_id, 0, PICTURE_FILE)
    try:
        store.put_bytes(key, picture.png)
        with database.write() as session:
            encoder = queue_job(
                session, checkpoint.id, JobKind.ENCODER, _has_encoder, settings.max_queued_jobs
            )
            job = jobs.create(
                session,
                kind=JobKind.PROJECT,
                model=checkpoint.model,
                checkpoint=checkpoint.id,
                config={"file": picture.file, "fit": picture.fit, "class": class_name},
                max_queued=settings.max_queued_jobs,
                job_id=job_id,
            )
            session.add(
                JobFile(
                    job=job_id,
                    name=PICTURE_FILE,
                    key=key,
                    bytes=len(picture.png),
                    sha256=hashlib.sha256(picture.png).hexdigest(),
                )
            )
    except BaseException:
        store.delete_prefix(f"jobs/{job_id}")
        raise
    return [job] if encoder is None else [encoder, job]


def awaited_encoder(session: Session, checkpoint_id: str) -> Job | None:
    """Return the unfinished job that trains the encoder; None if a projection need not wait."""
    same = (Job.kind == JobKind.ENCODER) & (Job.checkpoint == checkpoint_id)
    return jobs.find_unfinished(session, same)


def _has_encoder(checkpoint: Checkpoint) -> bool:
    return has_file(checkpoint, JobKind.ENCODER)
