"""Idempotency keys: the same request with the same key creates one job."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.database import Database
from app.domain.errors import Conflict
from app.domain.tables import Job


def create_once(
    database: Database,
    request: dict[str, Any],
    idempotency_key: str | None,
    create: Callable[[Session], Job],
) -> Job:
    """Return the job that was created with this key before, else the one that `create` queues.

    Raises Conflict if the key was used with another request.
    """
    request_hash = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()

    def find_or_create() -> Job:
        with database.write() as session:
            earlier = _find_earlier(session, idempotency_key, request_hash)
            if earlier is not None:
                return earlier
            job = create(session)
            job.idempotency_key, job.request_hash = idempotency_key, request_hash
            session.flush()
            return job

    try:
        return find_or_create()
    except IntegrityError:
        # A concurrent request committed the same key, or the same new model, after our query.
        return find_or_create()


def _find_earlier(session: Session, idempotency_key: str | None, request_hash: str) -> Job | None:
    if idempotency_key is None:
        return None
    job = session.scalar(select(Job).where(Job.idempotency_key == idempotency_key))
    if job is not None and job.request_hash != request_hash:
        raise Conflict(
            f"Idempotency-Key {idempotency_key!r} was used with another request "
            f"(job {job.id}): use a new key for a new job"
        )
    return job
