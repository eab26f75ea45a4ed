"""Fixtures that several of these tests share."""

from pathlib import Path

import pytest
from queued_jobs import claim_job, queue_job

from app.domain.database import Database
from app.domain.jobs import new_id
from app.domain.leases import Claim
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Model


@pytest.fixture
def claim(database: Database) -> Claim:
    """A running training of the model cats."""
    with database.write() as session:
        session.add(Model(name="cats"))
    queue_job(database, model="cats")
    return claim_job(database)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(Settings(home=tmp_path))


@pytest.fixture(params=["files", "bucket"])
def any_store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ObjectStore:
    """A store of each kind: files under a home, and a bucket."""
    if request.param == "files":
        return ObjectStore(Settings(home=tmp_path))
    for name, value in request.getfixturevalue("s3_environment").items():
        monkeypatch.setenv(name, value)
    return ObjectStore(Settings(home=tmp_path, storage_url=f"s3://moggy/{new_id()}"))
