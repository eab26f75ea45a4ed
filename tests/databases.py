"""Databases of tests. The migrated ones are copies of one that is migrated once, because a
migration takes longer than most tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from app.domain.database import migrate
from app.domain.jobs import new_id

TEMPLATE = "moggy_template"


def sqlite_database(path: Path) -> str:
    """Write the file of a migrated SQLite database; return its URL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_migrated_file())
    return f"sqlite:///{path}"


@cache
def _migrated_file() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "moggy.db"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


@contextmanager
def postgresql_database(server: str, migrated: bool = False) -> Iterator[str]:
    """Create a database on the server with this URL; yield the URL of the database."""
    name = f"moggy_{new_id()}"
    if migrated:
        _create_template(server)
    with psycopg.connect(_admin_url(server), autocommit=True) as connection:
        template = TEMPLATE if migrated else "template1"
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {template}')
        yield f"{server}/{name}"
        # Dropped at once, while few of its files are on the disk: deleting those takes long.
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@cache
def _create_template(server: str) -> None:
    with psycopg.connect(_admin_url(server), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(f"{server}/{TEMPLATE}")


def _admin_url(server: str) -> str:
    return server.replace("+psycopg", "") + "/postgres"
