"""Writes of a worker, which outlast a short outage of the database."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.domain.database import Database
from app.domain.settings import Settings
from app.domain.tables import Model
from worker import context as context_module
from worker.context import WorkerContext


@pytest.fixture
def context(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerContext]:
    monkeypatch.setattr(context_module, "DATABASE_RETRY_SECONDS", 0.01)
    context = WorkerContext.from_settings(settings.model_copy(update={"lease_seconds": 0.3}))
    yield context
    context.notifier.close()
    context.database.close()


def test_a_write_is_retried_until_the_database_answers_and_happens_once(
    context: WorkerContext, database: Database
) -> None:
    attempts: list[int] = []

    def write(session: Session) -> None:
        attempts.append(1)
        session.add(Model(name=f"attempt-{len(attempts)}"))
        session.flush()
        if len(attempts) < 3:
            raise OperationalError("INSERT", {}, Exception("the server closed the connection"))

    context.write(write)
    with database.read() as session:
        assert session.scalars(select(Model.name)).all() == ["attempt-3"]


def test_a_write_fails_when_the_database_is_unavailable_for_a_lease(context: WorkerContext) -> None:
    def write(_session: Session) -> None:
        raise OperationalError("INSERT", {}, Exception("no route to host"))

    with pytest.raises(OperationalError):
        context.write(write)


def test_an_error_of_the_writer_is_not_retried(context: WorkerContext) -> None:
    attempts: list[int] = []

    def write(session: Session) -> None:
        attempts.append(1)
        session.execute(text("SELECT 1"))
        raise KeyError("images_seen")

    with pytest.raises(KeyError):
        context.write(write)
    assert attempts == [1]
