"""Sessions on SQLite or PostgreSQL, the database's own clock, and migrations."""

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
CONNECTIONS = 10  # of one process to PostgreSQL, unless it is told otherwise
IDLE_CONNECTIONS = 5  # at most so many stay open while nobody uses them
FILE_CONNECTIONS = 45  # to SQLite, which counts none: one for each thread of the API, and some
POOL_SECONDS = 10.0  # how long a thread waits for a free connection
# So that a server that is away is noticed: by connecting, and by what is sent and not received.
POSTGRESQL_TIMEOUTS = {
    "connect_timeout": 5,  # seconds
    "tcp_user_timeout": 10_000,  # milliseconds
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html
CONNECTION_STATES = "08"
UNAVAILABLE_STATES = {
    "53300",  # too many connections
    "57P01",  # the server is being shut down
    "57P02",  # another process of it has crashed
    "57P03",  # it is starting
    "57P05",  # idle for too long
}
MIGRATIONS = Path(__file__).parent / "migrations"


class now(FunctionElement[float]):  # noqa: N801  (a SQL function is written like one)
    """Seconds since 1970 by the database's clock, the one that every lease is measured by."""

    type = Float()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(element: now, compiler: Any, **options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _now_postgresql(element: now, compiler: Any, **options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


class Database:
    """Hands out sessions: `read` sees one snapshot and only reads, `write` is one transaction."""

    def __init__(self, url: str, connections: int = CONNECTIONS) -> None:
        self.engine = _create_engine(url, connections)
        self._writer = self.engine.execution_options(moggy_write=True)
        self._reader = self.engine
        if self.engine.dialect.name == "postgresql":  # whose default sees what others commit
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


def _create_engine(url: str, connections: int = CONNECTIONS) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, **_pool(FILE_CONNECTIONS))
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    # `connect_args` would replace what the URL says.
    timeouts = {
        name: value for name, value in POSTGRESQL_TIMEOUTS.items() if name not in parsed.query
    }
    return create_engine(parsed, pool_pre_ping=True, connect_args=timeouts, **_pool(connections))


def _pool(connections: int) -> dict[str, Any]:
    idle = min(IDLE_CONNECTIONS, connections)
    return {
        "pool_size": idle,
        "max_overflow": connections - idle,
        "pool_timeout": POOL_SECONDS,
    }


def is_unavailable(error: SQLAlchemyError) -> bool:
    """Whether the database could not be reached, had no connection to spare, or was busy for too
    long: the same may well succeed later."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # without the extended part
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(cause, "sqlstate", None)
    if state is None:  # no answer of the server at all
        return True
    return state in UNAVAILABLE_STATES or state.startswith(CONNECTION_STATES)


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite alone
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MILLISECONDS}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # what was acknowledged survives a power cut
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot wait for the lock: SQLite answers
    # "database is locked" at once. So whoever means to write takes the lock at the start.
    writes = connection.get_execution_options().get("moggy_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def migrate(url: str) -> None:
    """Bring the database to the newest schema; at the newest already, change nothing.

    Raises StartError where the schema is newer than this version, or the database unavailable.
    """
    from alembic import command  # loaded here: only this needs it, and it is slow to import
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = _create_engine(url)
    try:
        with engine.execution_options(moggy_write=True).begin() as connection:
            _refuse_unknown(_schema_of(connection))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError as exc:
        if is_unavailable(exc):
            raise StartError(f"the database does not answer: {_first_line(exc)}") from exc
        raise
    finally:
        engine.dispose()


def check_schema(url: str) -> None:
    """Raise StartError where the database has another schema than this version works with.

    A database that does not answer now is none: the program waits for it once it runs.
    """
    engine = _create_engine(url)
    try:
        with engine.connect() as connection:
            found = _schema_of(connection)
    except SQLAlchemyError as exc:
        log.warning("schema_unchecked", error=_first_line(exc))
        return
    finally:
        engine.dispose()
    _refuse_unknown(found)
    newest = _known_schemas()[-1]
    if found != newest:
        raise StartError(
            f"the database's schema is {found or 'empty'}, and this version of Moggy needs "
            f"{newest}: run `moggy migrate`"
        )


def _schema_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _known_schemas() -> list[str]:
    """The revisions of the migrations, oldest first: each file's name begins with its own."""
    files = (MIGRATIONS / "versions").glob("[0-9]*_*.py")
    return sorted(file.name.partition("_")[0] for file in files)


def _refuse_unknown(schema: str | None) -> None:
    known = _known_schemas()
    if schema is not None and schema not in known:
        raise StartError(
            f"the database's schema is {schema}, and the newest that this version of Moggy "
            f"({version('moggy')}) knows is {known[-1]}: start the version that made it, or "
            "restore a backup from before the upgrade"
        )


def _first_line(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
