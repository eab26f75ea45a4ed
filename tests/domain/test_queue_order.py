"""The order of a queue on both databases: moves, also while others move and claim."""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from queued_jobs import LAPSED, claim_job, queue_job, read_job, state_events, try_claim_job
from servers import ON_POSTGRESQL
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.domain import jobs, leases, queue_order, registry
from app.domain.database import Database, is_unavailable
from app.domain.errors import Conflict, NotFound
from app.domain.job_states import Status, Stop
from app.domain.tables import Job

ROOT = Path(__file__).resolve().parent.parent.parent


def move(database: Database, job_id: str, position: int) -> None:
    with database.write() as session:
        jobs.move(session, job_id, position)


def waiting(database: Database, queue: str = "train") -> list[str]:
    """The ids of the queued jobs in the order of their positions, which have no gap."""
    with database.read() as session:
        rows = list(session.scalars(select(Job).where(Job.queue == queue)))
        positions = queue_order.positions(session, rows)
    assert sorted(positions.values()) == list(range(1, len(positions) + 1))
    return sorted(positions, key=lambda job_id: positions[job_id])


def iter_claims(database: Database) -> Iterator[str]:
    """Claim one job after the other until none waits."""
    while (claim := try_claim_job(database)) is not None:
        yield claim.job_id


def claim_all(database: Database) -> list[str]:
    return list(iter_claims(database))


def run_together(*tasks: Callable[[], None]) -> None:
    """Run the tasks in threads of their own; raise what one of them raised."""
    with ThreadPoolExecutor(len(tasks)) as threads:
        for future in [threads.submit(task) for task in tasks]:
            future.result()


@pytest.mark.parametrize(
    ("moved", "position", "order"),
    [
        (0, 1, [0, 1, 2, 3, 4]),
        (0, 2, [1, 0, 2, 3, 4]),
        (0, 5, [1, 2, 3, 4, 0]),
        (3, 1, [3, 0, 1, 2, 4]),
        (3, 2, [0, 3, 1, 2, 4]),
        (4, 4, [0, 1, 2, 4, 3]),
        (2, 99, [0, 1, 3, 4, 2]),
        (2, 2**64, [0, 1, 3, 4, 2]),
    ],
)
def test_a_moved_job_takes_its_position_and_the_others_keep_their_order(
    database: Database, moved: int, position: int, order: list[int]
) -> None:
    ids = [queue_job(database) for _ in range(5)]
    light = [queue_job(database, kind="ingest", config={}) for _ in range(2)]
    move(database, ids[moved], position)
    expected = [ids[index] for index in order]
    assert waiting(database) == expected
    assert waiting(database, "light") == light
    assert claim_all(database) == expected


def test_many_moves_leave_the_order_that_a_list_would_have(database: Database) -> None:
    draw = random.Random(0)
    expected = [queue_job(database) for _ in range(8)]
    for _ in range(40):
        job_id, position = draw.choice(expected), draw.randint(1, 9)
        move(database, job_id, position)
        expected.remove(job_id)
        expected.insert(position - 1, job_id)
    assert waiting(database) == expected
    latest = queue_job(database)
    assert claim_all(database) == [*expected, latest]


def test_a_move_appends_an_event_that_says_that_the_job_is_queued(database: Database) -> None:
    queue_job(database)
    job_id = queue_job(database)
    move(database, job_id, 1)
    assert state_events(database, job_id) == [("state", "queued"), ("state", "queued")]


def test_only_a_queued_job_can_be_moved(database: Database) -> None:
    running, cancelled, paused = (queue_job(database) for _ in range(3))
    claim_job(database)
    with database.write() as session:
        jobs.request_stop(session, cancelled, Stop.CANCEL)
        jobs.request_stop(session, paused, Stop.PAUSE)
    for job_id, status in ((running, "running"), (cancelled, "cancelled"), (paused, "paused")):
        with pytest.raises(Conflict, match=f"{job_id} is {status}: only a queued job"):
            move(database, job_id, 1)
    with pytest.raises(NotFound, match="no job 'no-such'"):
        move(database, "no-such", 1)


def test_a_job_that_its_worker_returns_is_before_those_that_were_moved_meanwhile(
    database: Database,
) -> None:
    first, second, third = (queue_job(database) for _ in range(3))
    claim = claim_job(database)
    move(database, third, 1)
    with database.write() as session:
        leases.release(session, claim)
    assert waiting(database) == [first, third, second]


def test_the_job_of_a_dead_worker_is_taken_over_by_its_place(database: Database) -> None:
    first, second, third = (queue_job(database) for _ in range(3))
    move(database, third, 1)
    assert claim_job(database, LAPSED).job_id == third
    assert claim_all(database) == [third, first, second]


def test_a_resumed_job_has_the_place_that_it_had(database: Database) -> None:
    first, second, third = (queue_job(database) for _ in range(3))
    move(database, third, 1)
    with database.write() as session:
        jobs.request_stop(session, third, Stop.PAUSE)
    assert waiting(database) == [first, second]
    with database.write() as session:
        jobs.resume(session, third)
    assert waiting(database) == [third, first, second]


def test_two_movers_and_a_claimer_lose_no_job_and_no_order(database: Database) -> None:
    """Jobs that nobody moves are claimed in their order, whatever moves around them."""
    ids = [queue_job(database) for _ in range(30)]
    moved, still = ids[::3], [job_id for index, job_id in enumerate(ids) if index % 3]
    claimed: list[str] = []

    def move_often(seed: int) -> None:
        draw = random.Random(seed)
        for _ in range(40):
            with suppress(Conflict):  # it has been claimed
                move(database, draw.choice(moved), draw.randint(1, 30))

    def claim() -> None:
        while len(claimed) < 20:
            claimed.extend(claim.job_id for claim in [try_claim_job(database)] if claim)

    run_together(lambda: move_often(1), lambda: move_often(2), claim)
    claimed += claim_all(database)
    assert sorted(claimed) == sorted(ids)
    assert [job_id for job_id in claimed if job_id not in moved] == still
    with database.read() as session:
        places = list(session.scalars(select(queue_order.PLACE)))
    assert len(set(places)) == len(ids)


def test_the_claim_after_a_move_to_the_front_takes_the_moved_job(database: Database) -> None:
    ids = [queue_job(database) for _ in range(24)]
    claimed: list[str] = []
    moves: list[tuple[str, int]] = []  # each with the number of claims that were known before
    moved = threading.Event()

    def move_last_ones() -> None:
        for job_id in reversed(ids[12:]):
            with suppress(Conflict):
                move(database, job_id, 1)
                moves.append((job_id, len(claimed)))
                moved.set()
                while read_job(database, job_id).status == Status.QUEUED:
                    pass

    def claim() -> None:
        assert moved.wait(60)
        for job_id in iter_claims(database):
            claimed.append(job_id)  # noqa: PERF402  # one by one, as the other thread reads it

    run_together(claim, move_last_ones)
    assert sorted(claimed) == sorted(ids)
    # A claim that was committed before the move may have become known after it.
    assert [job_id for job_id, known in moves if claimed.index(job_id) > known + 1] == []


def test_a_move_that_changes_nothing_is_no_event(database: Database) -> None:
    first, second = queue_job(database), queue_job(database)
    move(database, second, 1)
    events = state_events(database, second)
    for _ in range(3):
        move(database, second, 1)
    assert state_events(database, second) == events
    assert waiting(database) == [second, first]


@ON_POSTGRESQL
def test_a_model_is_deleted_while_its_jobs_are_moved(database: Database) -> None:
    for _ in range(5):
        with database.write() as session:
            registry.ensure_model(session, "cats")
        ids = [queue_job(database, kind="index", config={}, model="cats") for _ in range(12)]
        for job_id in ids:
            move(database, job_id, 1)

        def move_all(ids: list[str] = ids) -> None:
            for job_id in ids:
                with suppress(Conflict):
                    move(database, job_id, 1)

        def delete() -> None:
            with database.write() as session:
                registry.delete_model(session, "cats")

        run_together(move_all, delete)
        assert waiting(database, queue="light") == []


DIES_INSIDE_ITS_SECOND_MOVE = """
import os, signal, sys
from app.domain import jobs
from app.domain.database import Database

url, first, third = sys.argv[1:]
database = Database(url)
with database.write() as session:
    jobs.move(session, third, 1)
with database.write() as session:
    jobs.move(session, first, 1)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_its_committed_move_and_nothing_of_the_one_under_way(
    database_url: str, database: Database
) -> None:
    first, second, third = (queue_job(database) for _ in range(3))
    program = [sys.executable, "-c", DIES_INSIDE_ITS_SECOND_MOVE, database_url, first, third]
    assert subprocess.run(program, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert waiting(database) == [third, first, second]
    move(database, second, 1)
    assert claim_all(database) == [second, third, first]


@ON_POSTGRESQL
def test_a_claim_waits_for_the_commit_of_a_move_and_takes_the_new_first(
    database: Database,
) -> None:
    _first, _second, third = (queue_job(database) for _ in range(3))
    claimed: list[str] = []

    def claim() -> None:
        claimed.append(claim_job(database).job_id)

    claimer = threading.Thread(target=claim)
    with database.write() as session:
        jobs.move(session, third, 1)
        claimer.start()
        wait_for_a_waiting_session(database)
        assert claimed == []
    claimer.join(10)
    assert claimed == [third]


@ON_POSTGRESQL
def test_queues_do_not_wait_for_the_moves_of_other_queues(database: Database) -> None:
    job_id = queue_job(database)
    light = queue_job(database, kind="ingest", config={})
    with database.write() as session:
        jobs.move(session, job_id, 1)
        claim = try_claim_job(database, queue="light")
    assert claim is not None
    assert claim.job_id == light


@ON_POSTGRESQL
def test_a_mover_that_dies_inside_a_move_changes_nothing_and_frees_the_queue(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _second, third = (queue_job(database) for _ in range(3))
    monkeypatch.setattr(queue_order, "IDLE_SECONDS", 1)
    outcome: list[str] = []

    def move_and_wait() -> None:
        with database.write() as session:
            jobs.move(session, third, 1)
            outcome.append(claim_job(database).job_id)  # until the server has ended the move

    with pytest.raises(DBAPIError) as raised:
        move_and_wait()
    assert is_unavailable(raised.value)
    assert outcome == [first]


@ON_POSTGRESQL
def test_a_move_gives_up_where_the_order_is_held_for_too_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = queue_job(database)
    monkeypatch.setattr(queue_order, "LOCK_SECONDS", 1)
    with database.write() as session:
        queue_order.hold_order(session, "train")
        with pytest.raises(DBAPIError) as raised:
            move(database, job_id, 1)
    assert is_unavailable(raised.value)


def wait_for_a_waiting_session(database: Database) -> None:
    """Return once a session of the database waits for a lock."""
    blocked = text(
        "SELECT 1 FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event = 'advisory'"
    )
    while True:
        with database.read() as session:
            if session.scalar(blocked) is not None:
                return
