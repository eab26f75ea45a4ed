"""Jobs without a worker: asked for or queued, claimed and read by hand."""

from typing import Any

from fastapi.testclient import TestClient

from app.domain import events, jobs, leases
from app.domain.database import Database
from app.domain.leases import Claim
from app.domain.tables import Job

LEASE = 60.0
LAPSED = -1.0  # a lease that ran out the moment it was given


def queue_job(database: Database, **changes: Any) -> str:
    with database.write() as session:
        options: dict[str, Any] = {"kind": "train", "config": {"images": 100}, "max_queued": 1000}
        return jobs.create(session, **options | changes).id


def ask(client: TestClient, **changes: Any) -> dict[str, Any]:
    """Asks the API for a training of cats; its answer."""
    answer = client.post("/v1/jobs", json={"dataset": "cats", "model": "cats"} | changes)
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


def claim_job(database: Database, lease: float = LEASE, queue: str = "train") -> Claim | None:
    with database.write() as session:
        job = leases.acquire(session, queue, lease, max_attempts=3)
        return None if job is None else Claim(job.id, job.epoch)


def held(database: Database, lease: float = LEASE) -> Claim:
    claim = claim_job(database, lease)
    assert claim is not None
    return claim


def read(database: Database, job_id: str) -> Job:
    with database.read() as session:
        return jobs.find(session, job_id)


def stream(database: Database, job_id: str) -> list[tuple[str, Any]]:
    with database.read() as session:
        rows = events.read_after(session, job_id, 0)
        return [(row.type, row.data.get("status")) for row in rows]
