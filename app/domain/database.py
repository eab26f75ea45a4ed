"""The database: sessions on SQLite or PostgreSQL, the database's clock, and migrations."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import Float

from app.domain.processes import StartError

log = structlog.get_logger()

BUSY_TIMEOUT_MILLISECONDS = 15_000
POSTGRESQL_CONNECTIONS = 10  # the default limit of one process
MAX_IDLE_CONNECTIONS = 5
SQLITE_CONNECTIONS = 45  # enough for each thread of the API
POOL_SECONDS = 10.0  # how long a thread waits for a free connection
# These detect a server that does not accept connections, or no longer acknowledges data.
POSTGRESQL_TIMEOUTS = {
    "connect_timeout": 5,  # seconds
    "tcp_user_timeout": 10_000,  # milliseconds
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html
CONNECTION_ERROR_CLASS = "08"  # the first two digits of the code
UNAVAILABLE_STATES = {
    "40001",  # another transaction was first: it can be tried again
    "40P01",  # a deadlock
    "25P03",  # the session was idle inside its transaction for too long
    "53300",  # too many connections
    "55P03",  # a lock was not free in time
    "57P01",  # the server is being shut down
    "57P02",  # another process of the server has crashed
    "57P03",  # the server is starting
    "57P05",  # the session was idle for too long
}
MIGRATIONS = Path(__file__).parent / "migrations"


class now(FunctionElement[float]):  # noqa: N801  (named like the SQL function)
    """Seconds since 1970 by the database's clock, which all leases use."""

    type = Float()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(element: now, compiler: Any, **options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _now_postgresql(element: now, compiler: Any, **options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


class Database:
    """Opens sessions: `read` is read-only and sees one snapshot, `write` is one transaction."""

    def __init__(self, url: str, connections: int = POSTGRESQL_CONNECTIONS) -> None:
        self.engine = _create_engine(url, connections)
        self._writer = self.engine.execution_options(moggy_write=True)
        self._reader = self.engine
        if self.engine.dialect.name == "postgresql":  # by default, each query sees newer commits
            self._reader = self.engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @contextmanager
    def read(self) -> Iterator[Session]:
        with Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        self.engine.dispose()


def _create_engine(url: str, connections: int = POSTGRESQL_CONNECTIONS) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, **_pool(SQLITE_CONNECTIONS))
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    # `connect_args` would take precedence over the URL.
    timeouts = {
        name: value for name, value in POSTGRESQL_TIMEOUTS.items() if name not in parsed.query
    }
    return create_engine(parsed, pool_pre_ping=True, connect_args=timeouts, **_pool(connections))


def _pool(connections: int) -> dict[str, Any]:
    idle = min(MAX_IDLE_CONNECTIONS, connections)
    return {
        "pool_size": idle,
        "max_overflow": connections - idle,
        "pool_timeout": POOL_SECONDS,
    }


def is_unavailable(error: SQLAlchemyError) -> bool:
    """Whether a temporary condition caused the error: the database was unreachable, had no free
    connection, or was locked for too long."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the primary result code
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(cause, "sqlstate", None)
    if state is None:  # the server did not respond
        return True
    return state in UNAVAILABLE_STATES or state.startswith(CONNECTION_ERROR_CLASS)


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # only _begin_sqlite begins transactions
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MILLISECONDS}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # committed data survives a power cut
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot wait for the lock: SQLite fails at once
    # with "database is locked". A writing transaction therefore takes the lock at its start.
    writes = connection.get_execution_options().get("moggy_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def migrate(url: str) -> None:
    """Upgrade the database to the newest schema.

    Raises StartError if the schema is newer than this version, or the database is unavailable.
    """
    engine = _create_engine(url)
    try:
        with engine.execution_options(moggy_write=True).begin() as connection:
            schema = _schema_of(connection)
            _refuse_unknown_schema(schema)
            if schema != _known_schemas()[-1]:
                _upgrade(connection)
    except SQLAlchemyError as exc:
        if is_unavailable(exc):
            raise StartError(f"the database does not answer: {_first_line(exc)}") from exc
        raise
    finally:
        engine.dispose()


def _upgrade(connection: Connection) -> None:
    from alembic import command  # imported here, because it is slow and rarely needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def check_schema(url: str) -> None:
    """Raise StartError if the database's schema is not the one that this version needs.

    A database that does not answer is not an error: the program waits for it once it runs.
    """
    engine = _create_engine(url)
    try:
        with engine.connect() as connection:
            schema = _schema_of(connection)
    except SQLAlchemyError as exc:
        log.warning("schema_unchecked", error=_first_line(exc))
        return
    finally:
        engine.dispose()
    _refuse_unknown_schema(schema)
    newest = _known_schemas()[-1]
    if schema != newest:
        raise StartError(
            f"the database's schema is {schema or 'empty'}, and this version of Moggy needs "
            f"{newest}: run `moggy migrate`"
        )


def _schema_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    schema: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return schema


def _known_schemas() -> list[str]:
    """Return the revisions, oldest first: the names of the migrations' files begin with them."""
    files = (MIGRATIONS / "versions").glob("[0-9]*_*.py")
    return sorted(file.name.partition("_")[0] for file in files)


def _refuse_unknown_schema(schema: str | None) -> None:
    known = _known_schemas()
    if schema is not None and schema not in known:
        raise StartError(
            f"the database's schema is {schema}, and the newest that this version of Moggy "
            f"({version('moggy')}) knows is {known[-1]}: start the version that created it, or "
            "restore a backup from before the upgrade"
        )


def _first_line(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
