"""Errors of the database that pass by themselves, and schemas of other versions."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from services import ON_POSTGRESQL, free_port
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.domain import database as database_module
from app.domain.database import Database, check_schema, is_unavailable, migrate
from app.domain.startup import StartError

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NOWHERE = "postgresql://moggy@127.0.0.1:{}/moggy"


def error_of(database: Database, statement: str) -> SQLAlchemyError:
    with pytest.raises(SQLAlchemyError) as raised, database.read() as session:
        session.execute(text(statement))
    return raised.value


@pytest.fixture
def nowhere() -> Iterator[Database]:
    """A database that refuses every connection."""
    database = Database(NOWHERE.format(free_port()))
    yield database
    database.close()


def test_a_server_that_refuses_connections_is_unavailable(nowhere: Database) -> None:
    assert is_unavailable(error_of(nowhere, "SELECT 1"))


@ON_POSTGRESQL
def test_a_connection_that_the_server_ended_is_unavailable(database: Database) -> None:
    with database.read() as session:
        own = session.scalar(text("SELECT pg_backend_pid()"))
        with database.read() as other:
            other.execute(text(f"SELECT pg_terminate_backend({own})"))
        with pytest.raises(SQLAlchemyError) as raised:
            session.execute(text("SELECT 1"))
    assert is_unavailable(raised.value)


@ON_POSTGRESQL
def test_a_pool_without_a_free_connection_is_unavailable_after_a_limited_wait(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "POOL_SECONDS", 0.1)
    database = Database(database_url, connections=2)
    with database.read() as one, database.read() as two:
        one.execute(text("SELECT 1"))
        two.execute(text("SELECT 1"))
        assert is_unavailable(error_of(database, "SELECT 1"))
    database.close()


@ON_SQLITE
def test_a_file_that_stays_locked_is_unavailable(
    database_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_MILLISECONDS", 50)
    late = Database(database_url)
    with database.write() as holder:
        holder.execute(text("SELECT 1"))
        with late.write() as session, pytest.raises(SQLAlchemyError) as raised:
            session.execute(text("SELECT 1"))
    assert isinstance(raised.value.__cause__, sqlite3.OperationalError)
    assert is_unavailable(raised.value)
    late.close()


def test_a_mistake_in_a_statement_is_not_unavailable(database: Database) -> None:
    for statement in ("SELECT * FROM no_such_table", "SELEC"):
        assert not is_unavailable(error_of(database, statement))


def test_a_schema_of_this_version_is_accepted_and_a_missing_one_named(database_url: str) -> None:
    with pytest.raises(StartError, match=r"schema is empty.*run `moggy migrate`"):
        check_schema(database_url)
    migrate(database_url)
    check_schema(database_url)


def test_a_schema_of_another_version_is_one_sentence(database_url: str, database: Database) -> None:
    set_schema(database, "0001")
    with pytest.raises(StartError, match=r"schema is 0001.*needs 00.*run `moggy migrate`"):
        check_schema(database_url)
    set_schema(database, "9999")
    for attempt in (check_schema, migrate):
        with pytest.raises(StartError, match=r"schema is 9999.*knows is 00\d\d: start the version"):
            attempt(database_url)


def set_schema(database: Database, revision: str) -> None:
    with database.write() as session:
        session.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))


def test_a_database_that_is_away_stops_a_migration_with_a_sentence_and_no_start() -> None:
    url = NOWHERE.format(free_port())
    with pytest.raises(StartError, match=r"the database does not answer: .*refused"):
        migrate(url)
    check_schema(url)  # the program waits for the database once it runs


def test_every_migration_is_named_by_its_revision() -> None:
    for file in (Path(database_module.__file__).parent / "migrations/versions").glob("0*.py"):
        assert f'revision = "{file.name.partition("_")[0]}"\n' in file.read_text()
