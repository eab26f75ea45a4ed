"""Fixtures shared by all tests: real pictures, real servers, a migrated database."""

import functools
import os
import pkgutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import postgresql_database, sqlite_database
from servers import bucket, postgres, postgres_programs, valkey
from small_disk import mounted

from app.domain.database import Database

# Read when torch is loaded. On cores that other tests use too, two threads that share tiny steps
# take twice the processor time of one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Only the tests of the index and the encoder have their jobs queued without a request: those would
# compete with the jobs of the other tests.
os.environ.setdefault("MOGGY_INDEX_SERVED", "false")
os.environ.setdefault("MOGGY_ENCODER_SERVED", "false")
# Child processes keep their compiled code: compiling it takes each API a quarter of a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Its import takes seconds: only the tests of the starter model have it.
os.environ["MOGGY_STARTER"] = "none"

ROOT = Path(__file__).resolve().parent.parent


def pytest_xdist_auto_num_workers() -> int:
    """Three processes to two cores: the tests wait a third of their time for other processes."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of the most slow tests: at the end of a run of several processes, only
    short ones are left, and no process waits long for the last."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="session", autouse=True)
def tls_context() -> Iterator[None]:
    """Let all clients share one context: each would read the certificates of all authorities, which
    takes a twentieth of a second, and no test speaks TLS."""
    name = "httpcore2.default_ssl_context"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(name, functools.cache(pkgutil.resolve_name(name)))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures, named by MOGGY_SHARED."""
    folder = Path(os.environ.get("MOGGY_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"real pictures are missing: {folder} (set MOGGY_SHARED)")
    return folder


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey server for all tests."""
    with valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server for all tests."""
    programs = postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: `apt-get install postgresql` as root")
    # The server runs as another user, who may not enter pytest's folder.
    with (
        tempfile.TemporaryDirectory(prefix="moggy-postgres-") as folder,
        postgres(programs, Path(folder)) as url,
    ):
        yield url


@pytest.fixture(scope="session")
def s3_environment() -> Iterator[dict[str, str]]:
    """The environment variables that name an S3 server with the bucket `moggy` to obstore."""
    with bucket() as environment:
        yield environment


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'moggy.db'}"
    else:
        with postgresql_database(request.getfixturevalue("postgres_url")) as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield sqlite_database(tmp_path / "moggy.db")
    else:
        with postgresql_database(request.getfixturevalue("postgres_url"), migrated=True) as url:
            yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database, once on SQLite and once on PostgreSQL."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 40 MB."""
    with mounted(tmp_path / "small", megabytes=40) as folder:
        yield folder


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
