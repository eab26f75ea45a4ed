"""Leases on both databases: acquisition, fencing, the reaper, and every end."""

import threading
from collections.abc import Callable

import pytest
from queued_jobs import LAPSED, LEASE, claim_job, queue_job, read_job, state_events, try_claim_job
from servers import ON_POSTGRESQL
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import events, jobs, leases
from app.domain.database import Database
from app.domain.job_states import Status, Stop
from app.domain.leases import Fenced
from app.domain.tables import Dataset


def test_acquire_takes_the_oldest_job_of_its_queue(database: Database) -> None:
    first, second = queue_job(database), queue_job(database)
    queue_job(database, kind="ingest", config={})
    taken = [try_claim_job(database), try_claim_job(database), try_claim_job(database)]
    assert [claim and claim.job_id for claim in taken] == [first, second, None]


def test_acquire_raises_epoch_and_attempt_and_appends_an_event(database: Database) -> None:
    job_id = queue_job(database)
    assert claim_job(database).epoch == 1
    job = read_job(database, job_id)
    assert (job.status, job.attempt) == (Status.RUNNING, 1)
    assert job.lease_until is not None
    assert job.started_at is not None
    assert 59 < job.lease_until - job.started_at <= 60.5
    assert state_events(database, job_id) == [("state", "queued"), ("state", "running")]


def test_concurrent_workers_never_acquire_one_job_twice(database: Database) -> None:
    ids = [queue_job(database) for _ in range(12)]
    taken: list[str] = []
    lock = threading.Lock()

    def work() -> None:
        while (claim := try_claim_job(database)) is not None:
            with lock:
                taken.append(claim.job_id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(ids)


def test_a_lapsed_lease_is_acquired_by_another_worker_with_a_new_epoch(database: Database) -> None:
    queue_job(database)
    assert claim_job(database, LAPSED).epoch == 1
    again = claim_job(database)
    assert again.epoch == 2
    assert read_job(database, again.job_id).attempt == 2


def test_a_job_names_the_worker_that_acquired_it_last(database: Database) -> None:
    job_id = queue_job(database)
    assert read_job(database, job_id).worker is None
    for lease, worker in ((LAPSED, "mill"), (LEASE, "forge")):
        with database.write() as session:
            leases.acquire(session, "train", lease, 3, worker=worker)
        assert read_job(database, job_id).worker == worker


def test_every_write_of_a_fenced_worker_is_refused(database: Database) -> None:
    job_id = queue_job(database)
    stale = claim_job(database, LAPSED)
    claim_job(database)
    writes: list[Callable[[Session], object]] = [
        lambda session: leases.renew(session, stale, LEASE, None),
        lambda session: leases.record(session, stale, "progress", {}),
        lambda session: leases.store_state(session, stale, "key"),
        lambda session: leases.release(session, stale),
        lambda session: leases.pause(session, stale),
        lambda session: leases.end(session, stale, Status.SUCCEEDED),
    ]
    for write in writes:
        with pytest.raises(Fenced), database.write() as session:
            write(session)
    job = read_job(database, job_id)
    assert (job.status, job.epoch, job.state_key) == (Status.RUNNING, 2, None)


def test_renew_extends_the_lease_publishes_progress_and_returns_a_stop(database: Database) -> None:
    job_id = queue_job(database)
    claim = claim_job(database, lease=1)
    progress = jobs.INITIAL_PROGRESS | {"images_seen": 7}
    with database.write() as session:
        assert leases.renew(session, claim, LEASE, progress) is None
    with database.write() as session:
        jobs.request_stop(session, job_id, Stop.PAUSE)
    with database.write() as session:
        assert leases.renew(session, claim, LEASE, None) is Stop.PAUSE
    job = read_job(database, job_id)
    assert job.progress["images_seen"] == 7
    assert job.lease_until is not None
    assert job.started_at is not None
    assert job.lease_until > job.started_at + 30


def test_reap_queues_the_job_of_a_silent_worker_again(database: Database) -> None:
    job_id = queue_job(database)
    claim_job(database, LAPSED)
    with database.write() as session:
        assert [job.id for job in leases.reap(session, max_attempts=3)] == [job_id]
    with database.write() as session:
        assert leases.reap(session, max_attempts=3) == []
    assert read_job(database, job_id).status == Status.QUEUED


def test_reap_fails_a_job_at_the_attempt_cap_and_says_why(database: Database) -> None:
    job_id = queue_job(database)
    for _ in range(3):
        claim_job(database, LAPSED)
    assert try_claim_job(database) is None
    with database.write() as session:
        leases.reap(session, max_attempts=3)
    job = read_job(database, job_id)
    assert job.status == Status.FAILED
    assert job.error is not None
    assert "stopped renewing the lease 3 times" in job.error
    assert state_events(database, job_id)[-2:] == [("state", "failed"), ("end", "failed")]


@pytest.mark.parametrize(
    ("stop", "status"), [(Stop.CANCEL, Status.CANCELLED), (Stop.PAUSE, Status.PAUSED)]
)
def test_the_reaper_applies_a_stop_whose_worker_died(
    database: Database, stop: Stop, status: Status
) -> None:
    job_id = queue_job(database)
    claim_job(database, LAPSED)
    with database.write() as session:
        jobs.request_stop(session, job_id, stop)
    assert try_claim_job(database) is None
    with database.write() as session:
        leases.reap(session, max_attempts=3)
    assert read_job(database, job_id).status == status


def test_a_stored_state_and_a_graceful_release_reset_the_attempts(database: Database) -> None:
    job_id = queue_job(database)
    claim_job(database, LAPSED)
    claim = claim_job(database)
    assert read_job(database, job_id).attempt == 2
    with database.write() as session:
        leases.store_state(session, claim, "jobs/x/2/state-64.safetensors")
    assert read_job(database, job_id).attempt == 0
    with database.write() as session:
        leases.release(session, claim)
    job = read_job(database, job_id)
    assert (job.status, job.attempt) == (Status.QUEUED, 0)
    assert job.state_key == "jobs/x/2/state-64.safetensors"


def test_a_crash_keeps_its_attempt(database: Database) -> None:
    job_id = queue_job(database)
    claim = claim_job(database)
    with database.write() as session:
        leases.release(session, claim, keep_attempt=True)
    assert read_job(database, job_id).attempt == 1


def test_a_stop_that_the_worker_has_not_read_is_applied_at_its_release(
    database: Database,
) -> None:
    job_id = queue_job(database)
    claim = claim_job(database)
    with database.write() as session:
        jobs.request_stop(session, job_id, Stop.CANCEL)
    with database.write() as session:
        leases.release(session, claim, keep_attempt=True)
    assert read_job(database, job_id).status == Status.CANCELLED


def test_expire_all_lets_a_job_be_acquired_at_once(database: Database) -> None:
    queue_job(database)
    claim_job(database)
    with database.write() as session:
        leases.expire_all(session)
    assert claim_job(database).epoch == 2


def test_an_ingest_that_does_not_succeed_fails_its_dataset(database: Database) -> None:
    job_id = queue_job(database, kind="ingest", config={}, dataset="cats")
    with database.write() as session:
        session.add(
            Dataset(id="d", name="cats", status="ingesting", job=job_id, request={}, created_at=0.0)
        )
    claim = try_claim_job(database, queue="light")
    assert claim is not None
    with database.write() as session:
        leases.end(session, claim, Status.FAILED, "not one usable image")
    with database.read() as session:
        dataset = session.scalars(select(Dataset)).one()
    assert (dataset.status, dataset.error) == ("failed", "not one usable image")


@ON_POSTGRESQL
def test_the_event_of_a_restart_has_its_reason(database: Database) -> None:
    job_id = queue_job(database)
    claim = claim_job(database)
    with database.write() as session:
        leases.release(session, claim, keep_attempt=True, reason="signal 9 (SIGKILL)")
    claim = claim_job(database)
    with database.write() as session:
        leases.release(session, claim)
    claim_job(database, lease=LAPSED)
    claim_job(database)  # acquired before the reaper ran
    with database.read() as session:
        states = [event.data for event in events.of_type(session, job_id, "state")]
    assert [(state["status"], state.get("reason")) for state in states] == [
        ("queued", None),
        ("running", None),
        ("queued", "signal 9 (SIGKILL)"),
        ("running", None),
        ("queued", leases.WORKER_SHUT_DOWN),
        ("running", None),
        ("running", leases.WORKER_LOST),
    ]
