"""Asking for a job: what it works on stays, and the same asked again is the same job."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import datasets
from app.domain.database import Database
from app.domain.errors import Conflict
from app.domain.tables import Dataset, Job


def ask_once(
    database: Database,
    request: dict[str, Any],
    idempotency_key: str | None,
    create: Callable[[Session], Job],
) -> Job:
    """The job that `create` queues for the request, or the one that its key made before."""
    request_hash = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()

    def ask() -> Job:
        with database.write() as session:
            earlier = _made_before(session, idempotency_key, request_hash)
            if earlier is not None:
                return earlier
            job = create(session)
            job.idempotency_key, job.request_hash = idempotency_key, request_hash
            session.flush()
            return job

    try:
        return ask()
    except IntegrityError:
        # The same key, or the same new model, was committed between our look and our insert.
        return ask()


def _made_before(session: Session, idempotency_key: str | None, request_hash: str) -> Job | None:
    if idempotency_key is None:
        return None
    job = session.scalar(select(Job).where(Job.idempotency_key == idempotency_key))
    if job is not None and job.request_hash != request_hash:
        raise Conflict(
            f"Idempotency-Key {idempotency_key!r} was used with another request "
            f"(job {job.id}): use a new key for a new job"
        )
    return job


def hold_dataset(session: Session, name: str) -> Dataset:
    """The dataset, once it is ready; until the transaction ends, nobody finds it unused."""
    dataset = datasets.find(session, name, "shared")
    datasets.refuse_unready(dataset, field="dataset")
    return dataset
