"""A listing takes the same number of queries, however long it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from queued_jobs import claim_job, queue_job
from sqlalchemy import event, select

from app.domain import events, leases, queue_order
from app.domain.database import Database
from app.domain.served_checkpoint import best_checkpoint, served_by_model, served_checkpoint
from app.domain.tables import Checkpoint, Job, Model

JOBS, MODELS = 200, 100


@contextmanager
def count_queries(database: Database) -> Iterator[list[str]]:
    """Collect the SELECT statements that are executed in the block."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT"):
            statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


@pytest.fixture
def many_jobs(database: Database) -> list[str]:
    """The ids of 200 jobs: the first is running and has health events, the others are queued."""
    ids = [queue_job(database) for _ in range(JOBS)]
    claim = claim_job(database)
    with database.write() as session:
        for value in (1, 2):
            leases.record(session, claim, "health", {"value": value})
    return ids


def test_positions_and_health_of_two_hundred_jobs_are_one_query_each(
    database: Database, many_jobs: list[str]
) -> None:
    with database.read() as session:
        rows = list(session.scalars(select(Job).order_by(Job.number)))
        with count_queries(database) as statements:
            positions = queue_order.positions(session, rows)
            health = events.health_by_job(session, many_jobs)
    assert len(statements) == 2
    assert positions == {job_id: position for position, job_id in enumerate(many_jobs[1:], 1)}
    assert health[many_jobs[0]] == [{"value": 1}, {"value": 2}]
    assert set(health) == set(many_jobs)


def checkpoint(model: str, step: int, kid: float | None, against: str | None) -> Checkpoint:
    return Checkpoint(
        id=f"{model}-{step}", model=model, job=f"{model}-job", images_seen=step, config={},
        metrics=None, kid=kid, scored_against=against, key="k", sha256="", bytes=1,
    )  # fmt: skip


@pytest.fixture
def many_models(database: Database) -> None:
    """In turn without checkpoints, without scores, with one set by hand, scored on two datasets."""
    with database.write() as session:
        for number in range(MODELS):
            name = f"m{number}"
            session.add(Model(name=name, checkpoint=f"{name}-1" if number % 4 == 2 else None))
            session.flush()
            if number % 4 == 0:
                continue
            scored = number % 4 > 1
            for step, kid, against in ((1, 0.1, "old"), (2, 0.2, "new"), (3, 0.3, "new")):
                session.add(checkpoint(name, step, kid if scored else None, against))
            session.add(checkpoint(name, 4, None, None))


@pytest.mark.usefixtures("many_models")
def test_the_served_checkpoints_of_a_hundred_models_are_three_queries_and_equal_single_look_ups(
    database: Database,
) -> None:
    with database.read() as session:
        models = list(session.scalars(select(Model).order_by(Model.number)))
        with count_queries(database) as statements:
            served = served_by_model(session, models)
        assert len(statements) == 3
        for model in models:
            alone = served_checkpoint(session, model)
            assert (served[model.name].checkpoint if alone else None) is alone
        best = best_checkpoint(session, "m2")
    assert [model.name in served for model in models[:4]] == [False, True, True, True]
    checkpoints = {name: served[name].checkpoint.id for name in ("m1", "m2", "m3")}
    assert checkpoints == {"m1": "m1-4", "m2": "m2-1", "m3": "m3-2"}
    assert best is not None
    assert best.id == "m2-2"
    assert served["m2"].reason.phrase() == "set by hand"
    phrase = served["m3"].reason.phrase()
    assert phrase.startswith("the lowest KID of 2 scored checkpoints: 0.20")
    assert served["m3"].checkpoints == 4
