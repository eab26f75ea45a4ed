"""The kind of a job's error is stored with it, and goes when the error goes."""

from typing import Any

import pytest
from queued_jobs import claim_job, queue_job, try_claim_job

from app.domain import jobs, leases
from app.domain.database import Database
from app.domain.job_errors import read_job_error
from app.domain.job_states import Status, Stop
from app.domain.tables import Dataset, Job

FAILED = {"kind": "too_few_pictures", "accepted": 1, "received": 7, "needed": 2}


def facts_of(database: Database, job: str) -> dict[str, Any] | None:
    with database.read() as session:
        return jobs.find(session, job).error_facts


def test_a_failed_ingest_gives_its_dataset_the_kind_of_its_error(database: Database) -> None:
    job = queue_job(database, kind="ingest", config={}, dataset="cats")
    with database.write() as session:
        session.add(Dataset(id="d", name="cats", status="ingesting", job=job, request={}))
    claim = try_claim_job(database, queue="light")
    assert claim is not None
    with database.write() as session:
        leases.end(session, claim, Status.FAILED, "1 of 7 files can be used", FAILED)
    with database.read() as session:
        dataset = session.query(Dataset).one()
    assert facts_of(database, job) == dataset.error_facts == FAILED


def test_a_cancelled_ingest_is_the_kind_of_its_datasets_error(database: Database) -> None:
    job = queue_job(database, kind="ingest", config={}, dataset="cats")
    with database.write() as session:
        session.add(Dataset(id="d", name="cats", status="ingesting", job=job, request={}))
    with database.write() as session:
        jobs.request_stop(session, job, Stop.CANCEL)
    with database.read() as session:
        assert session.query(Dataset).one().error_facts == {"kind": "cancelled"}


def test_a_parked_job_forgets_its_error_when_it_goes_on(database: Database) -> None:
    job = queue_job(database)
    claim = claim_job(database)
    with database.write() as session:
        leases.park(session, claim, "the disk is full", room_needed=100, free_bytes=5)
    assert facts_of(database, job) == {"kind": "disk_full", "free_bytes": 5, "room_needed": 100}
    claim_job(database)
    assert facts_of(database, job) is None


def test_a_job_whose_workers_are_lost_says_how_often(database: Database) -> None:
    queue_job(database)
    claim_job(database)
    with database.write() as session:
        leases.expire_all(session)
        leases.reap(session, max_attempts=1)
    with database.read() as session:
        row = session.query(Job).one()
    assert row.error_facts == {"kind": "worker_lost", "attempts": 1}
    assert "renewing the lease once without" in str(row.error)


def test_stored_errors_are_read_by_their_kind() -> None:
    error = read_job_error(FAILED)
    assert error is not None
    assert error.kind == "too_few_pictures"
    assert read_job_error(None) is None


@pytest.mark.parametrize("stored", [{"kind": "unheard of"}, {"kind": "crashed"}, {}])
def test_an_error_of_a_newer_worker_is_shown_without_its_kind(stored: dict[str, Any]) -> None:
    assert read_job_error(stored) is None
