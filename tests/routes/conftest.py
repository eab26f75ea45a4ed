"""The real API over SQLite and a real Valkey, with a home of its own and no worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.domain.database import Database, migrate
from app.domain.settings import Settings
from app.domain.tables import Dataset
from app.main import create_app


@pytest.fixture
def settings(tmp_path: Path, valkey_url: str) -> Settings:
    return Settings(home=tmp_path / "home", redis_url=valkey_url)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    migrate(settings.database)
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture
def database(settings: Settings, client: TestClient) -> Iterator[Database]:
    """The database of the running API, which the client fixture has migrated."""
    database = Database(settings.database)
    yield database
    database.close()


@pytest.fixture
def cats(database: Database) -> str:
    """The name of a ready dataset of 3,000 cats, without stored pictures."""
    with database.write() as session:
        session.add(
            Dataset(
                id="d1",
                name="cats",
                status="ready",
                job="j1",
                request={"size": 64, "fit": "crop", "channels": "auto"},
                key="datasets/d1/1",
                images=3000,
                shape=[64, 64, 3],
                created_at=0.0,
            )
        )
    return "cats"
