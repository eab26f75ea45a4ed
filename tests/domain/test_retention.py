"""Retention: what stays, whatever the limits; what goes, evenly; and that it goes for good."""

import itertools
import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from queued_jobs import claim_job, queue_job

from app.domain import registry
from app.domain.database import Database
from app.domain.errors import NotFound
from app.domain.job_objects import checkpoint_key, delete_leftovers
from app.domain.job_states import Stop
from app.domain.jobs import find, request_stop
from app.domain.leases import Claim, Fenced
from app.domain.retention import choose_superseded, delete_after, delete_superseded
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint

MB = 1024**2


@dataclass
class Stored:
    id: str
    images_seen: int
    bytes: int = MB


def run(*images_seen: int, size: int = MB) -> list[Stored]:
    return [Stored(str(seen), seen, size) for seen in images_seen]


def left(
    checkpoints: list[Stored],
    *protected: str,
    max_bytes: int = 10**12,
    max_count: int = 10**6,
) -> list[int]:
    gone = choose_superseded(checkpoints, set(protected), max_bytes=max_bytes, max_count=max_count)
    return sorted(one.images_seen for one in checkpoints if one not in gone)


def test_what_fits_stays() -> None:
    assert left(run(1, 2, 3), max_count=3, max_bytes=3 * MB) == [1, 2, 3]
    assert left([], max_count=1) == []


def test_the_one_with_the_closest_neighbours_goes_first() -> None:
    assert left(run(100, 190, 200, 300, 400), max_count=4) == [100, 200, 300, 400]
    assert left(run(100, 200, 300, 400), max_count=2) == [200, 400]


def test_the_newest_stays_however_little_room_there_is() -> None:
    assert left(run(10, 20, 30, size=5 * MB), max_bytes=1) == [30]
    assert left(run(30, 10, 20), max_count=1) == [30]


def test_what_is_needed_stays_and_the_others_make_room_for_it() -> None:
    assert left(run(*range(10, 110, 10)), "10", "50", max_count=3) == [10, 50, 100]
    assert left(run(10, 20, 30), "10", "20", max_count=1) == [10, 20, 30]


def test_bytes_count_as_much_as_numbers() -> None:
    grown = [Stored("a", 10, MB), Stored("b", 20, 8 * MB), Stored("c", 40, MB)]
    assert left(grown, max_bytes=9 * MB) == [20, 40]
    assert left(grown, max_bytes=2 * MB) == [40]
    assert left(grown, "b", max_bytes=2 * MB) == [20, 40]


@pytest.mark.parametrize("limit", [2, 5, 50])
def test_a_long_run_that_is_thinned_as_it_goes_stays_spread_over_all_of_it(limit: int) -> None:
    kept: list[Stored] = []
    for seen in range(1000, 1_000_001, 1000):
        kept.append(Stored(str(seen), seen))
        gone = choose_superseded(kept, set(), max_bytes=10**12, max_count=limit)
        kept = [one for one in kept if one not in gone]
    places = [0, *(one.images_seen for one in kept)]
    gaps = [after - before for before, after in itertools.pairwise(places)]
    assert (len(kept), places[-1]) == (limit, 1_000_000)
    assert max(gaps) <= 4 * 1_000_000 / limit


def test_whatever_the_run_it_fits_or_only_what_must_stay_is_left() -> None:
    choose = random.Random(0)
    for _ in range(200):
        seen = choose.sample(range(1, 10_000), choose.randint(1, 30))
        stored = [Stored(str(one), one, choose.randint(1, 9)) for one in seen]
        protected = {one.id for one in stored if choose.random() < 0.2}
        limits = {"max_bytes": choose.randint(1, 150), "max_count": choose.randint(1, 30)}
        gone = choose_superseded(stored, protected, **limits)
        kept = [one for one in stored if one not in gone]
        must = protected | {str(max(seen))}
        assert must <= {one.id for one in kept}
        fits = (
            len(kept) <= limits["max_count"]
            and sum(one.bytes for one in kept) <= limits["max_bytes"]
        )
        assert fits or {one.id for one in kept} == must


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(Settings(home=tmp_path))


def add(
    database: Database,
    store: ObjectStore,
    claim: Claim,
    *images_seen: int,
    kid: float | None = None,
) -> list[str]:
    """Stores checkpoints as a worker does; their ids."""
    metrics = None if kid is None else {"kid": kid}
    ids = []
    for seen in images_seen:
        key = checkpoint_key(claim.job_id, claim.epoch, seen)
        store.put_bytes(key, b"weights")
        with database.write() as session:
            stored = registry.add_checkpoint(
                session, claim, images_seen=seen, key=key, sha256="", size=MB, metrics=metrics
            )
        ids.append(stored.id)
    return ids


def thin(database: Database, claim: Claim, **limits: int) -> list[str]:
    with database.write() as session:
        return delete_superseded(session, claim, Settings(**limits))  # type: ignore[arg-type]


def seen_in(database: Database) -> list[int]:
    with database.read() as session:
        return sorted(one.images_seen for one in session.query(Checkpoint))


def test_what_goes_is_forgotten_and_its_object_named(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    ids = add(database, store, claim, 100, 200, 300, 400)
    keys = thin(database, claim, checkpoint_budget_mb=3)
    assert keys == [checkpoint_key(claim.job_id, claim.epoch, 100)]
    assert seen_in(database) == [200, 300, 400]
    assert thin(database, claim, checkpoint_budget_mb=3) == []
    with pytest.raises(NotFound, match="to make room"), database.read() as session:
        registry.resolve_checkpoint(session, "cats", ids[0])


def test_what_is_pinned_or_started_from_stays(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    pinned, started, *_ = add(database, store, claim, 100, 200, 300, 400)
    with database.write() as session:
        registry.set_served(session, "cats", pinned)
    tuning = queue_job(database, model="kittens", resume_from=started)
    thin(database, claim, checkpoints_kept=1)
    assert seen_in(database) == [100, 200, 400]
    with database.write() as session:
        request_stop(session, tuning, Stop.CANCEL)
    thin(database, claim, checkpoints_kept=1)
    assert seen_in(database) == [100, 400]


def test_what_waits_to_be_evaluated_stays(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    first, *_ = add(database, store, claim, 100, 200, 300)
    queue_job(database, kind="evaluate", model="cats", checkpoint=first)
    thin(database, claim, checkpoints_kept=1)
    assert seen_in(database) == [100, 300]


def test_the_best_stays_while_another_is_pinned_and_newer_ones_come(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 100, kid=0.3)
    add(database, store, claim, 200, kid=0.1)
    pinned, *_ = add(database, store, claim, 300, kid=0.2)
    add(database, store, claim, 400)
    add(database, store, claim, 500, kid=0.4)
    with database.write() as session:
        registry.set_served(session, "cats", pinned)
    thin(database, claim, checkpoints_kept=1)
    assert seen_in(database) == [200, 300, 500]


def test_a_training_keeps_its_best_though_a_newer_one_is_served(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 100, kid=0.2)
    queue_job(database, model="cats")
    add(database, store, claim_job(database), 150, kid=0.5)
    add(database, store, claim, 200, 300)
    thin(database, claim, checkpoints_kept=1)
    assert seen_in(database) == [100, 150, 300]


def test_other_trainings_of_the_model_are_left_alone(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 100, 200)
    queue_job(database, model="cats")
    second = claim_job(database)
    add(database, store, second, 150, 250)
    thin(database, second, checkpoints_kept=1)
    assert seen_in(database) == [100, 200, 250]


def test_a_worker_that_lost_the_job_removes_nothing(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 100, 200)
    with pytest.raises(Fenced):
        thin(database, Claim(claim.job_id, claim.epoch - 1), checkpoints_kept=1)
    assert seen_in(database) == [100, 200]


def test_an_object_whose_worker_died_before_deleting_it_goes_with_the_jobs_end(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 100, 200)
    thin(database, claim, checkpoints_kept=1)
    with database.read() as session:
        job = find(session, claim.job_id)
    delete_leftovers(database, store, job)
    assert store.keys(f"jobs/{job.id}") == [checkpoint_key(job.id, claim.epoch, 200)]


def test_what_a_rollback_undid_goes_unless_it_is_needed(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    ids = add(database, store, claim, 100, 200, 300, 400)
    with database.write() as session:
        registry.set_served(session, "cats", ids[2])
    with database.write() as session:
        keys = delete_after(session, claim, 100)
    assert keys == [checkpoint_key(claim.job_id, claim.epoch, seen) for seen in (200, 400)]
    assert seen_in(database) == [100, 300]
