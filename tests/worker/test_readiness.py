"""Readiness beside a real worker: ready soon after Valkey comes back."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from servers import valkey

from app.domain.database import Database
from app.domain.disk import Disk
from app.domain.queue import celery
from app.domain.readiness import Readiness
from app.domain.settings import Settings
from app.domain.store import ObjectStore

START_SECONDS = 60
RECONNECT_SECONDS = 5.0  # in which a worker and the API reconnect on a busy machine


@pytest.fixture
def broker_url() -> Iterator[None]:
    """Restores the broker of the Celery instance."""
    before = celery.conf.broker_url
    yield
    celery.conf.broker_url = before


@pytest.mark.anyio
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_restarted_valkey_is_found_at_once(
    database: Database,
    settings: Settings,
    start_worker: Callable[..., "subprocess.Popen[bytes]"],
    broker_url: None,
    tmp_path: Path,
) -> None:
    readiness = Readiness(database, ObjectStore(settings), Disk(settings))
    with valkey(tmp_path) as url:
        celery.conf.broker_url = url
        start_worker("light", redis_url=url)
        readiness.start()
        await becomes(readiness, None, START_SECONDS)
    await becomes(readiness, "the broker does not answer", START_SECONDS)
    # Celery's own pauses between two attempts would now be longer than RECONNECT_SECONDS.
    time.sleep(4)
    with valkey(tmp_path, url):
        await becomes(readiness, None, RECONNECT_SECONDS)
        readiness.stop()


async def becomes(readiness: Readiness, failure: str | None, seconds: float) -> None:
    give_up = time.monotonic() + seconds
    while True:
        current = await readiness.failure()
        if (current is None) if failure is None else (failure in (current or "")):
            return
        assert time.monotonic() < give_up, current
        time.sleep(0.05)
