"""Jobs without a worker: queued, claimed and read directly in the database."""

from typing import Any

from fastapi.testclient import TestClient

from app.domain import events, jobs, leases
from app.domain.database import Database
from app.domain.leases import Claim
from app.domain.tables import Job

LEASE = 60.0
LAPSED = -1.0  # a lease that has expired when it is given


def queue_job(database: Database, **changes: Any) -> str:
    with database.write() as session:
        options: dict[str, Any] = {"kind": "train", "config": {"images": 100}, "max_queued": 1000}
        return jobs.create(session, **options | changes).id


def post_training(client: TestClient, **changes: Any) -> dict[str, Any]:
    """Queue a training of cats through the API; return the JSON of the response."""
    response = client.post("/v1/jobs", json={"dataset": "cats", "model": "cats"} | changes)
    assert response.status_code == 202, response.text
    body: dict[str, Any] = response.json()
    return body


def try_claim_job(database: Database, lease: float = LEASE, queue: str = "train") -> Claim | None:
    with database.write() as session:
        job = leases.acquire(session, queue, lease, max_attempts=3)
        return None if job is None else Claim(job.id, job.epoch)


def claim_job(database: Database, lease: float = LEASE) -> Claim:
    """Claim the oldest queued training."""
    claim = try_claim_job(database, lease)
    assert claim is not None
    return claim


def read_job(database: Database, job_id: str) -> Job:
    with database.read() as session:
        return jobs.find(session, job_id)


def state_events(database: Database, job_id: str) -> list[tuple[str, Any]]:
    """The type and the status of each event of the job."""
    with database.read() as session:
        rows = events.read_after(session, job_id, 0)
        return [(row.type, row.data.get("status")) for row in rows]
