"""Retention: which checkpoints stay, and that the others' rows and objects are deleted."""

import itertools
import random
from dataclasses import dataclass

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
from app.domain.tables import Checkpoint, onnx_key

MB = 1024**2


@dataclass
class Stored:
    id: str
    images_seen: int
    stored_bytes: int = MB


def run(*images_seen: int, size: int = MB) -> list[Stored]:
    return [Stored(str(seen), seen, size) for seen in images_seen]


def left(
    checkpoints: list[Stored],
    *protected: str,
    max_bytes: int = 10**12,
    max_count: int = 10**6,
) -> list[int]:
    deleted = choose_superseded(
        checkpoints, set(protected), max_bytes=max_bytes, max_count=max_count
    )
    return sorted(checkpoint.images_seen for checkpoint in checkpoints if checkpoint not in deleted)


def test_checkpoints_that_fit_stay() -> None:
    assert left(run(1, 2, 3), max_count=3, max_bytes=3 * MB) == [1, 2, 3]
    assert left([], max_count=1) == []


def test_the_checkpoint_with_the_closest_neighbours_is_deleted_first() -> None:
    assert left(run(100, 190, 200, 300, 400), max_count=4) == [100, 200, 300, 400]
    assert left(run(100, 200, 300, 400), max_count=2) == [200, 400]


def test_the_newest_checkpoint_always_stays() -> None:
    assert left(run(10, 20, 30, size=5 * MB), max_bytes=1) == [30]
    assert left(run(30, 10, 20), max_count=1) == [30]


def test_protected_checkpoints_stay_and_others_make_room() -> None:
    assert left(run(*range(10, 110, 10)), "10", "50", max_count=3) == [10, 50, 100]
    assert left(run(10, 20, 30), "10", "20", max_count=1) == [10, 20, 30]


def test_both_limits_apply() -> None:
    grown = [Stored("a", 10, MB), Stored("b", 20, 8 * MB), Stored("c", 40, MB)]
    assert left(grown, max_bytes=9 * MB) == [20, 40]
    assert left(grown, max_bytes=2 * MB) == [40]
    assert left(grown, "b", max_bytes=2 * MB) == [20, 40]


@pytest.mark.parametrize("limit", [2, 5, 50])
def test_the_checkpoints_of_a_long_run_stay_evenly_spaced(limit: int) -> None:
    kept: list[Stored] = []
    for seen in range(1000, 1_000_001, 1000):
        kept.append(Stored(str(seen), seen))
        deleted = choose_superseded(kept, set(), max_bytes=10**12, max_count=limit)
        kept = [checkpoint for checkpoint in kept if checkpoint not in deleted]
    positions = [0, *(checkpoint.images_seen for checkpoint in kept)]
    gaps = [after - before for before, after in itertools.pairwise(positions)]
    assert (len(kept), positions[-1]) == (limit, 1_000_000)
    assert max(gaps) <= 4 * 1_000_000 / limit


def test_the_limits_hold_or_only_protected_checkpoints_are_left() -> None:
    choose = random.Random(0)
    for _ in range(200):
        seen = choose.sample(range(1, 10_000), choose.randint(1, 30))
        stored = [Stored(str(images), images, choose.randint(1, 9)) for images in seen]
        protected = {checkpoint.id for checkpoint in stored if choose.random() < 0.2}
        limits = {"max_bytes": choose.randint(1, 150), "max_count": choose.randint(1, 30)}
        deleted = choose_superseded(stored, protected, **limits)
        kept = [checkpoint for checkpoint in stored if checkpoint not in deleted]
        must = protected | {str(max(seen))}
        assert must <= {checkpoint.id for checkpoint in kept}
        fits = (
            len(kept) <= limits["max_count"]
            and sum(checkpoint.stored_bytes for checkpoint in kept) <= limits["max_bytes"]
        )
        assert fits or {checkpoint.id for checkpoint in kept} == must


def add(
    database: Database,
    store: ObjectStore,
    claim: Claim,
    *images_seen: int,
    kid: float | None = None,
) -> list[str]:
    """Store and register checkpoints as a worker does, and return their ids."""
    metrics = None if kid is None else {"kid": kid}
    ids = []
    for seen in images_seen:
        key = checkpoint_key(claim.job_id, claim.epoch, seen)
        store.put_bytes(key, b"weights")
        store.put_bytes(onnx_key(key), b"weights")
        with database.write() as session:
            stored = registry.add_checkpoint(
                session,
                claim,
                images_seen=seen,
                key=key,
                sha256="",
                size=MB // 2,
                onnx_sha256="",
                onnx_bytes=MB // 2,
                metrics=metrics,
            )
        ids.append(stored.id)
    return ids


def files(claim: Claim, *images_seen: int) -> list[str]:
    """The keys of both files of each checkpoint."""
    keys = [checkpoint_key(claim.job_id, claim.epoch, seen) for seen in images_seen]
    return [file for key in keys for file in (key, onnx_key(key))]


def thin(database: Database, claim: Claim, **limits: int) -> list[str]:
    with database.write() as session:
        return delete_superseded(session, claim, Settings(**limits))  # type: ignore[arg-type]


def seen_in(database: Database) -> list[int]:
    with database.read() as session:
        return sorted(checkpoint.images_seen for checkpoint in session.query(Checkpoint))


def test_the_row_is_deleted_and_the_keys_of_both_files_returned(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    ids = add(database, store, claim, 100, 200, 300, 400)
    keys = thin(database, claim, checkpoint_budget_mb=3)
    assert keys == files(claim, 100)
    assert seen_in(database) == [200, 300, 400]
    assert thin(database, claim, checkpoint_budget_mb=3) == []
    with pytest.raises(NotFound, match="to make room"), database.read() as session:
        registry.resolve_checkpoint(session, "cats", ids[0])


def test_pinned_and_used_checkpoints_stay(
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


def test_a_checkpoint_of_a_queued_evaluation_stays(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    first, *_ = add(database, store, claim, 100, 200, 300)
    queue_job(database, kind="evaluate", model="cats", checkpoint=first)
    thin(database, claim, checkpoints_kept=1)
    assert seen_in(database) == [100, 300]


def test_the_best_checkpoint_stays_while_another_is_pinned(
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


def test_a_training_keeps_its_best_checkpoint_though_another_training_s_is_served(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 100, kid=0.2)
    queue_job(database, model="cats")
    add(database, store, claim_job(database), 150, kid=0.5)
    add(database, store, claim, 200, 300)
    thin(database, claim, checkpoints_kept=1)
    assert seen_in(database) == [100, 150, 300]


def test_checkpoints_of_other_trainings_stay(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 100, 200)
    queue_job(database, model="cats")
    second = claim_job(database)
    add(database, store, second, 150, 250)
    thin(database, second, checkpoints_kept=1)
    assert seen_in(database) == [100, 200, 250]


def test_a_fenced_worker_deletes_nothing(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 100, 200)
    with pytest.raises(Fenced):
        thin(database, Claim(claim.job_id, claim.epoch - 1), checkpoints_kept=1)
    assert seen_in(database) == [100, 200]


def test_an_object_that_a_killed_worker_left_is_deleted_at_the_end_of_the_job(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    add(database, store, claim, 100, 200)
    thin(database, claim, checkpoints_kept=1)
    with database.read() as session:
        job = find(session, claim.job_id)
    delete_leftovers(database, store, job)
    assert store.keys(f"jobs/{job.id}") == sorted(files(claim, 200))


def test_a_rollback_deletes_later_checkpoints_unless_in_use(
    database: Database, store: ObjectStore, claim: Claim
) -> None:
    ids = add(database, store, claim, 100, 200, 300, 400)
    with database.write() as session:
        registry.set_served(session, "cats", ids[2])
    with database.write() as session:
        keys = delete_after(session, claim, 100)
    assert keys == files(claim, 200, 400)
    assert seen_in(database) == [100, 300]
