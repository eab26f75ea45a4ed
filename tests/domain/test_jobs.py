"""Jobs on both databases: the claim, the lease, the fence, and every end."""

import threading
from typing import Any

import pytest
from sqlalchemy import select

from app.domain import events, jobs, leases
from app.domain.database import Database
from app.domain.errors import Conflict, NotFound, QueueFull
from app.domain.job_states import Status, Stop
from app.domain.leases import Claim, Fenced
from app.domain.tables import Dataset, Event, Job

LEASE = 60.0
LAPSED = -1.0  # a lease that ran out the moment it was given


def queue_job(database: Database, **changes: Any) -> str:
    with database.write() as session:
        options: dict[str, Any] = {"kind": "train", "config": {"images": 100}, "max_queued": 1000}
        return jobs.create(session, **options | changes).id


def claim_job(database: Database, lease: float = LEASE, queue: str = "train") -> Claim | None:
    with database.write() as session:
        job = leases.claim(session, queue, lease, max_attempts=3)
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


def test_claim_takes_the_oldest_job_of_its_queue(database: Database) -> None:
    first, second = queue_job(database), queue_job(database)
    queue_job(database, kind="ingest", config={})
    taken = [claim_job(database), claim_job(database), claim_job(database)]
    assert [claim and claim.job_id for claim in taken] == [first, second, None]


def test_claim_raises_epoch_and_attempt_and_says_so_in_the_stream(database: Database) -> None:
    job_id = queue_job(database)
    assert held(database).epoch == 1
    job = read(database, job_id)
    assert (job.status, job.attempt) == (Status.RUNNING, 1)
    assert job.lease_until is not None
    assert job.started_at is not None
    assert 59 < job.lease_until - job.started_at <= 60.5
    assert stream(database, job_id) == [("state", "queued"), ("state", "running")]


def test_concurrent_claims_never_take_one_job_twice(database: Database) -> None:
    ids = [queue_job(database) for _ in range(12)]
    taken: list[str] = []
    lock = threading.Lock()

    def work() -> None:
        while (claim := claim_job(database)) is not None:
            with lock:
                taken.append(claim.job_id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(ids)


def test_a_lapsed_lease_is_claimed_by_another_worker_with_a_new_epoch(database: Database) -> None:
    queue_job(database)
    assert held(database, LAPSED).epoch == 1
    again = held(database)
    assert again.epoch == 2
    assert read(database, again.job_id).attempt == 2


def test_every_write_of_a_fenced_worker_is_refused(database: Database) -> None:
    job_id = queue_job(database)
    stale = held(database, LAPSED)
    held(database)
    refused = [
        lambda session: leases.beat(session, stale, LEASE, None),
        lambda session: leases.record(session, stale, "progress", {}),
        lambda session: leases.store_state(session, stale, "key"),
        lambda session: leases.give_back(session, stale),
        lambda session: leases.pause(session, stale),
        lambda session: leases.end(session, stale, Status.SUCCEEDED),
    ]
    for write in refused:
        with pytest.raises(Fenced), database.write() as session:
            write(session)
    job = read(database, job_id)
    assert (job.status, job.epoch, job.state_key) == (Status.RUNNING, 2, None)


def test_beat_renews_the_lease_publishes_progress_and_hears_of_a_stop(database: Database) -> None:
    job_id = queue_job(database)
    claim = held(database, lease=1)
    progress = jobs.NO_PROGRESS | {"images_seen": 7}
    with database.write() as session:
        assert leases.beat(session, claim, LEASE, progress) is None
    with database.write() as session:
        jobs.request_stop(session, job_id, Stop.PAUSE)
    with database.write() as session:
        assert leases.beat(session, claim, LEASE, None) is Stop.PAUSE
    job = read(database, job_id)
    assert job.progress["images_seen"] == 7
    assert job.lease_until is not None
    assert job.started_at is not None
    assert job.lease_until > job.started_at + 30


def test_reap_queues_the_job_of_a_silent_worker_again(database: Database) -> None:
    job_id = queue_job(database)
    held(database, LAPSED)
    with database.write() as session:
        assert [job.id for job in leases.reap(session, max_attempts=3)] == [job_id]
    with database.write() as session:
        assert leases.reap(session, max_attempts=3) == []
    assert read(database, job_id).status == Status.QUEUED


def test_reap_fails_a_job_at_the_attempt_cap_and_says_why(database: Database) -> None:
    job_id = queue_job(database)
    for _ in range(3):
        held(database, LAPSED)
    assert claim_job(database) is None
    with database.write() as session:
        leases.reap(session, max_attempts=3)
    job = read(database, job_id)
    assert job.status == Status.FAILED
    assert job.error is not None
    assert "stopped answering 3 times" in job.error
    assert stream(database, job_id)[-2:] == [("state", "failed"), ("end", "failed")]


@pytest.mark.parametrize(
    ("stop", "status"), [(Stop.CANCEL, Status.CANCELLED), (Stop.PAUSE, Status.PAUSED)]
)
def test_a_stop_whose_worker_died_is_carried_out_by_the_reaper(
    database: Database, stop: Stop, status: Status
) -> None:
    job_id = queue_job(database)
    held(database, LAPSED)
    with database.write() as session:
        jobs.request_stop(session, job_id, stop)
    assert claim_job(database) is None
    with database.write() as session:
        leases.reap(session, max_attempts=3)
    assert read(database, job_id).status == status


def test_a_stored_state_and_a_graceful_release_forget_earlier_attempts(database: Database) -> None:
    job_id = queue_job(database)
    held(database, LAPSED)
    claim = held(database)
    assert read(database, job_id).attempt == 2
    with database.write() as session:
        leases.store_state(session, claim, "jobs/x/2/state-64.safetensors")
    assert read(database, job_id).attempt == 0
    with database.write() as session:
        leases.give_back(session, claim)
    job = read(database, job_id)
    assert (job.status, job.attempt) == (Status.QUEUED, 0)
    assert job.state_key == "jobs/x/2/state-64.safetensors"


def test_a_crash_keeps_its_attempt(database: Database) -> None:
    job_id = queue_job(database)
    claim = held(database)
    with database.write() as session:
        leases.give_back(session, claim, keep_attempt=True)
    assert read(database, job_id).attempt == 1


def test_cancel_of_a_waiting_job_ends_it_at_once(database: Database) -> None:
    job_id, other = queue_job(database), queue_job(database)
    with database.write() as session:
        jobs.request_stop(session, job_id, Stop.CANCEL)
    assert read(database, job_id).status == Status.CANCELLED
    assert read(database, other).status == Status.QUEUED
    assert stream(database, job_id)[-1] == ("end", "cancelled")


def test_pause_and_resume_of_a_running_job_goes_through_its_worker(database: Database) -> None:
    job_id = queue_job(database)
    claim = held(database)
    with database.write() as session:
        assert jobs.request_stop(session, job_id, Stop.PAUSE).status == Status.RUNNING
    with database.write() as session:
        leases.pause(session, claim)
    job = read(database, job_id)
    assert (job.status, job.stop_requested) == (Status.PAUSED, None)
    assert claim_job(database) is None
    with database.write() as session:
        jobs.resume(session, job_id)
    assert held(database).epoch == 2


def test_a_pause_never_takes_back_a_cancel(database: Database) -> None:
    job_id = queue_job(database)
    held(database)
    with database.write() as session:
        jobs.request_stop(session, job_id, Stop.CANCEL)
    with pytest.raises(Conflict, match="being cancelled"), database.write() as session:
        jobs.request_stop(session, job_id, Stop.PAUSE)
    assert read(database, job_id).stop_requested == Stop.CANCEL


def test_a_stop_that_its_worker_has_not_heard_of_yet_is_carried_out_when_it_lets_go(
    database: Database,
) -> None:
    job_id = queue_job(database)
    claim = held(database)
    with database.write() as session:
        jobs.request_stop(session, job_id, Stop.CANCEL)
    with database.write() as session:
        leases.give_back(session, claim, keep_attempt=True)
    assert read(database, job_id).status == Status.CANCELLED


def test_what_the_state_forbids_is_a_conflict_that_names_the_job(database: Database) -> None:
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


def test_position_counts_what_waits_before_a_job_in_its_own_queue(database: Database) -> None:
    queue_job(database, kind="ingest", config={})
    ids = [queue_job(database) for _ in range(3)]
    claim_job(database)
    with database.read() as session:
        places = [jobs.position(session, jobs.find(session, job_id)) for job_id in ids]
    assert places == [None, 1, 2]


def test_a_full_queue_refuses_the_next_job_and_says_when_to_come_back(database: Database) -> None:
    queue_job(database, max_queued=1)
    with pytest.raises(QueueFull, match="the limit is 1") as refusal:
        queue_job(database, max_queued=1)
    assert refusal.value.retry_after == 60


def test_void_leases_lets_a_job_be_claimed_at_once(database: Database) -> None:
    queue_job(database)
    held(database)
    with database.write() as session:
        leases.void_leases(session)
    assert held(database).epoch == 2


def test_an_ingest_that_does_not_succeed_fails_its_dataset(database: Database) -> None:
    job_id = queue_job(database, kind="ingest", config={}, dataset="cats")
    with database.write() as session:
        session.add(
            Dataset(id="d", name="cats", status="ingesting", job=job_id, request={}, created_at=0.0)
        )
    claim = claim_job(database, queue="light")
    assert claim is not None
    with database.write() as session:
        leases.end(session, claim, Status.FAILED, "not one usable image")
    with database.read() as session:
        dataset = session.scalars(select(Dataset)).one()
    assert (dataset.status, dataset.error) == ("failed", "not one usable image")


def test_events_of_one_job_happen_once_and_in_order(database: Database) -> None:
    job_id = queue_job(database)
    claim = held(database)
    for seen in (64, 128, 64):
        with database.write() as session:
            leases.record(session, claim, "sample", {"status": seen}, once=f"sample:{seen}")
    with database.write() as session:
        leases.end(session, claim, Status.SUCCEEDED)
    assert stream(database, job_id) == [
        ("state", "queued"),
        ("state", "running"),
        ("sample", 64),
        ("sample", 128),
        ("state", "succeeded"),
        ("end", "succeeded"),
    ]


def test_old_progress_is_thinned_and_everything_else_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PROGRESS_ROWS_KEPT_WHOLE", 10)
    job_id = queue_job(database)
    claim = held(database)
    with database.write() as session:
        for place in range(25):
            leases.record(session, claim, "progress", {"images_seen": place})
        events.thin_progress(session, job_id)
    with database.read() as session:
        kept = [row.data["images_seen"] for row in events.of_type(session, job_id, "progress")]
        others = session.scalars(select(Event).where(Event.type != "progress")).all()
    assert kept == [0, 2, 4, 6, 8, 10, 12, 14, *range(15, 25)]
    assert len(others) == 2
