"""The database: migrations, the clock, transactions that wait instead of failing."""

import subprocess
import sys
import threading
import time
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from app.domain.database import Database, migrate, now
from app.domain.tables import Base

ROOT = Path(__file__).resolve().parent.parent.parent


def test_migrations_end_at_exactly_the_tables_of_the_code(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_migrate_again_changes_nothing(database: Database, database_url: str) -> None:
    migrate(database_url)
    with database.read() as session:
        assert session.execute(text("SELECT version_num FROM alembic_version")).all() == [("0004",)]


def test_replicas_that_start_together_migrate_once(database_url: str) -> None:
    program = f"from app.domain.database import migrate; migrate({database_url!r})"
    replicas = [subprocess.Popen([sys.executable, "-c", program], cwd=ROOT) for _ in range(3)]
    assert [replica.wait() for replica in replicas] == [0, 0, 0]
    database = Database(database_url)
    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
    database.close()


def test_the_databases_clock_is_in_seconds_since_1970(database: Database) -> None:
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
