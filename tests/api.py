"""The API in the process of the tests, over SQLite, without a worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from databases import sqlite_database
from fastapi.testclient import TestClient

from app.domain.database import Database
from app.domain.settings import Settings
from app.domain.tables import Dataset
from app.main import create_app


class Api(NamedTuple):
    client: TestClient
    database: Database
    settings: Settings


@contextmanager
def open_api(settings: Settings) -> Iterator[Api]:
    """The API on a new database in the home."""
    sqlite_database(settings.home / "moggy.db")
    database = Database(settings.database)
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        yield Api(client, database, settings)
    database.close()


def add_cats(database: Database) -> None:
    """A ready dataset "cats" of 3,000 images, without stored pictures."""
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
