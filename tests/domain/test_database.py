"""The database: migrations, the clock, transactions that wait instead of failing."""

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from queued_jobs import LAPSED, claim_job, queue_job
from servers import ON_POSTGRESQL, free_port
from sqlalchemy import MetaData, insert, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.domain import database as database_module
from app.domain import leases
from app.domain.database import Database, check_schema, is_unavailable, migrate, now
from app.domain.processes import StartError
from app.domain.tables import Base

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_migrations_create_exactly_the_tables_of_the_code(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_a_migration_from_an_older_version_keeps_every_checkpoint_and_fills_scored_against(
    empty_database_url: str,
) -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "app/domain/migrations"))
    database = Database(empty_database_url)
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        tables = MetaData()
        tables.reflect(connection)
        described: dict[str, object] = {
            "request": {},
            "config": {},
            "progress": {},
            "key": "k",
            "queue": "train",
        }
        described |= {"epoch": 1, "attempt": 0, "status": "ready", "kind": "train", "bytes": 1}
        described |= {"images_seen": 1, "sha256": "", "model": "m", "metrics": {"embedding": "e"}}

        def add(table: str, **values: object) -> None:
            columns = tables.tables[table].columns
            row = {name: value for name, value in described.items() if name in columns}
            connection.execute(insert(tables.tables[table]).values(row | values))

        add("models", name="m", created_at=1.0)
        for name, created_at in (("cats", 1.0), ("replaced", 9.0)):
            add("datasets", id=name, name=name, job="", content_hash=f"hash of {name}",
                created_at=created_at)  # fmt: skip
        for job, dataset in (("j1", "cats"), ("j2", "replaced"), ("j3", "deleted")):
            add("jobs", id=job, dataset=dataset, created_at=5.0)
            add("checkpoints", id=job, job=job, kid=0.5, created_at=6.0)
        add("checkpoints", id="brought", kid=0.5, created_at=6.0)
        add("checkpoints", id="unscored", job="j1", images_seen=2, created_at=6.0)
    migrate(empty_database_url)
    with database.read() as session:
        rows = session.execute(text("SELECT * FROM checkpoints")).all()
        jobs = session.execute(text("SELECT id, owner, place FROM jobs ORDER BY number")).all()
    database.close()
    assert jobs == [("j1", None, None), ("j2", None, None), ("j3", None, None)]
    assert {row.id: row.scored_against for row in rows} == {
        "j1": "hash of cats e",
        "j2": "j2 e",
        "j3": "j3 e",
        "brought": " e",
        "unscored": None,
    }
    assert {(row.bytes, row.onnx_sha256, row.onnx_bytes) for row in rows} == {(1, None, None)}


def test_migrating_twice_changes_nothing(database: Database, database_url: str) -> None:
    migrate(database_url)
    with database.read() as session:
        assert session.execute(text("SELECT version_num FROM alembic_version")).all() == [("0013",)]


def test_replicas_that_start_together_migrate_once(empty_database_url: str) -> None:
    program = f"from app.domain.database import migrate; migrate({empty_database_url!r})"
    replicas = [subprocess.Popen([sys.executable, "-c", program], cwd=ROOT) for _ in range(3)]
    assert [replica.wait() for replica in replicas] == [0, 0, 0]
    database = Database(empty_database_url)
    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
    database.close()


def test_the_clock_of_the_database_is_in_seconds_since_1970(database: Database) -> None:
    with database.read() as session:
        assert abs((session.scalar(select(now())) or 0) - time.time()) < 2


def test_concurrent_writers_wait_for_each_other(database: Database) -> None:
    with database.write() as session:
        session.execute(text("CREATE TABLE counter (value INTEGER)"))
        session.execute(text("INSERT INTO counter VALUES (0)"))

    def count() -> None:
        for _ in range(25):
            with database.write() as session:
                session.execute(text("UPDATE counter SET value = value + 1"))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.execute(text("SELECT value FROM counter")).scalar() == 100


def test_a_reader_sees_one_snapshot_despite_later_commits(database: Database) -> None:
    count = text("SELECT count(*) FROM jobs")
    with database.read() as session:
        before = session.scalar(count)
        queue_job(database)
        assert session.scalar(count) == before == 0
    with database.read() as session:
        assert session.scalar(count) == 1


@ON_POSTGRESQL
def test_a_parameter_of_the_url_overrides_the_default(database_url: str) -> None:
    database = Database(f"{database_url}?connect_timeout=17")
    with database.engine.connect() as connection:
        used = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    database.close()
    assert (used["connect_timeout"], used["keepalives_idle"]) == ("17", "10")


@ON_POSTGRESQL
def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match="read-only"), database.read() as session:
        session.execute(text("DELETE FROM jobs"))


@ON_POSTGRESQL
def test_appending_an_event_does_not_rewrite_the_row_of_the_job(database: Database) -> None:
    queue_job(database)
    claim = claim_job(database)
    row_version = text("SELECT ctid FROM jobs")
    with database.read() as session:
        before = session.scalar(row_version)
    with database.write() as session:
        leases.record(session, claim, "health", {"value": 1})
    with database.read() as session:
        assert session.scalar(row_version) == before


@ON_POSTGRESQL
def test_a_worker_that_waited_for_the_lock_of_a_job_is_fenced_by_the_commit(
    database: Database,
) -> None:
    queue_job(database)
    claim, outcome = claim_job(database, LAPSED), list[object]()

    def hold_late() -> None:
        try:
            with database.write() as session:
                outcome.append(leases.lock_job(session, claim))
        except leases.Fenced as error:
            outcome.append(error)

    with database.write() as session:
        leases.reap(session, max_attempts=3)
        waiting = threading.Thread(target=hold_late)
        waiting.start()
        time.sleep(0.3)
        assert not outcome
    waiting.join(10)
    assert isinstance(outcome[0], leases.Fenced)


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
def test_a_connection_that_the_server_closed_is_unavailable(database: Database) -> None:
    with database.read() as session:
        own = session.scalar(text("SELECT pg_backend_pid()"))
        with database.read() as other:
            other.execute(text(f"SELECT pg_terminate_backend({own})"))
        with pytest.raises(SQLAlchemyError) as raised:
            session.execute(text("SELECT 1"))
    assert is_unavailable(raised.value)


@ON_POSTGRESQL
def test_an_exhausted_pool_is_unavailable_after_a_limited_wait(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "POOL_SECONDS", 0.1)
    database = Database(database_url, connections=2)
    with database.read() as first, database.read() as second:
        first.execute(text("SELECT 1"))
        second.execute(text("SELECT 1"))
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


def test_the_schema_of_this_version_is_accepted_and_an_empty_one_refused(
    empty_database_url: str,
) -> None:
    with pytest.raises(StartError, match=r"schema is empty.*run `moggy migrate`"):
        check_schema(empty_database_url)
    migrate(empty_database_url)
    check_schema(empty_database_url)


def test_the_schema_of_another_version_is_refused_with_the_remedy(
    database_url: str, database: Database
) -> None:
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


def test_an_unreachable_database_stops_a_migration_but_not_a_start() -> None:
    url = NOWHERE.format(free_port())
    with pytest.raises(StartError, match=r"the database does not answer: .*refused"):
        migrate(url)
    check_schema(url)  # the program waits for the database once it runs


def test_every_migration_is_named_by_its_revision() -> None:
    for file in (Path(database_module.__file__).parent / "migrations/versions").glob("0*.py"):
        assert f'revision = "{file.name.partition("_")[0]}"\n' in file.read_text()
