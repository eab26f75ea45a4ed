"""Fixtures that several of these tests share."""

import pytest
from queued_jobs import claim_job, queue_job

from app.domain.database import Database
from app.domain.leases import Claim
from app.domain.tables import Model


@pytest.fixture
def claim(database: Database) -> Claim:
    """A running training of the model cats."""
    with database.write() as session:
        session.add(Model(name="cats"))
    queue_job(database, model="cats")
    return claim_job(database)
