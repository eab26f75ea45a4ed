"""The real API over SQLite and a real Valkey, with a home of its own and no worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from api import Api, add_cats, open_api
from fastapi.testclient import TestClient

from app.domain.database import Database
from app.domain.settings import Settings
from app.domain.store import ObjectStore


@pytest.fixture
def settings(tmp_path: Path, valkey_url: str) -> Settings:
    return Settings(home=tmp_path / "home", redis_url=valkey_url)


@pytest.fixture
def store(settings: Settings) -> ObjectStore:
    return ObjectStore(settings)


@pytest.fixture
def own_api(settings: Settings) -> Iterator[Api]:
    with open_api(settings) as api:
        yield api


@pytest.fixture(scope="module")
def shared_api(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Iterator[Api]:
    """An API for all tests of a file, which find it as the others left it."""
    settings = Settings(home=tmp_path_factory.mktemp("shared") / "home", redis_url=valkey_url)
    with open_api(settings) as api:
        yield api


@pytest.fixture
def client(own_api: Api) -> TestClient:
    return own_api.client


@pytest.fixture
def database(own_api: Api) -> Database:
    """The database of the running API."""
    return own_api.database


@pytest.fixture
def cats(database: Database) -> str:
    """The name of a ready dataset of 3,000 cats, without stored pictures."""
    add_cats(database)
    return "cats"
