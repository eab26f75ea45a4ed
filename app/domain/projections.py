"""The latents that projections have found for pictures."""

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import Conflict, NotFound
from app.domain.job_states import Status
from app.domain.tables import Job
from models.samples import Vector

PROJECT = "project"


def projection_latent(session: Session, model: str, job_id: str) -> Vector:
    """The latent that the projection `job_id` found for a picture, (D,).

    Raises NotFound unless it is a projection onto this model, and Conflict if it has not succeeded.
    """
    query = select(Job).where(Job.id == job_id, Job.kind == PROJECT, Job.model == model)
    job = session.scalar(query)
    if job is None:
        raise NotFound(
            f"model {model!r} has no projection {job_id[:100]!r}: "
            f"POST /v1/models/{model}/projections makes one of a picture"
        )
    if job.status != Status.SUCCEEDED or job.result is None:
        raise Conflict(
            f"projection {job_id!r} is {job.status}: its latent exists once it has succeeded"
        )
    return np.array(job.result["latent"], np.float32)
