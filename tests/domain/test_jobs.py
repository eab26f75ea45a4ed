"""Jobs as their users control them, on both databases."""

import pytest
from queued_jobs import claim_job, queue_job, read_job, state_events, try_claim_job

from app.domain import jobs, leases, queue_order
from app.domain.database import Database
from app.domain.errors import Conflict, NotFound, QueueFull
from app.domain.job_states import Status, Stop


def test_cancelling_a_queued_job_ends_it_at_once(database: Database) -> None:
    job_id, other = queue_job(database), queue_job(database)
    with database.write() as session:
        jobs.request_stop(session, job_id, Stop.CANCEL)
    assert read_job(database, job_id).status == Status.CANCELLED
    assert read_job(database, other).status == Status.QUEUED
    assert state_events(database, job_id)[-1] == ("end", "cancelled")


def test_a_running_job_is_paused_by_its_worker_and_resumed(database: Database) -> None:
    job_id = queue_job(database)
    claim = claim_job(database)
    with database.write() as session:
        assert jobs.request_stop(session, job_id, Stop.PAUSE).status == Status.RUNNING
    with database.write() as session:
        leases.pause(session, claim)
    job = read_job(database, job_id)
    assert (job.status, job.stop_requested) == (Status.PAUSED, None)
    assert try_claim_job(database) is None
    with database.write() as session:
        jobs.resume(session, job_id)
    assert claim_job(database).epoch == 2


def test_a_pause_does_not_replace_a_cancel(database: Database) -> None:
    job_id = queue_job(database)
    claim_job(database)
    with database.write() as session:
        jobs.request_stop(session, job_id, Stop.CANCEL)
    with pytest.raises(Conflict, match="being cancelled"), database.write() as session:
        jobs.request_stop(session, job_id, Stop.PAUSE)
    assert read_job(database, job_id).stop_requested == Stop.CANCEL


def test_a_stop_that_the_state_forbids_is_a_conflict_that_names_the_job(database: Database) -> None:
    ended = queue_job(database)
    with database.write() as session:
        jobs.request_stop(session, ended, Stop.CANCEL)
    ingest = queue_job(database, kind="ingest", config={})
    for job_id, stop in [(ended, Stop.CANCEL), (ended, Stop.PAUSE), (ingest, Stop.PAUSE)]:
        with pytest.raises(Conflict, match=job_id), database.write() as session:
            jobs.request_stop(session, job_id, stop)
    with pytest.raises(Conflict, match=ended), database.write() as session:
        jobs.resume(session, ended)
    with pytest.raises(NotFound, match="no-such"), database.write() as session:
        jobs.resume(session, "no-such")


def test_a_position_counts_the_queued_jobs_of_the_same_queue(database: Database) -> None:
    queue_job(database, kind="ingest", config={})
    ids = [queue_job(database) for _ in range(3)]
    try_claim_job(database)
    with database.read() as session:
        rows = [jobs.find(session, job_id) for job_id in ids]
        positions = queue_order.positions(session, rows)
        listed = [positions.get(job_id) for job_id in ids]
    assert listed == [None, 1, 2]


def test_a_full_queue_refuses_the_next_job_with_a_retry_time(database: Database) -> None:
    queue_job(database, max_queued=1)
    with pytest.raises(QueueFull, match="the limit is 1") as refusal:
        queue_job(database, max_queued=1)
    assert refusal.value.retry_after == 60
