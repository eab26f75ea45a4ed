"""The real API behind a real server on loopback, with a resource of every kind."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from databases import sqlite_database
from packed_noise import pack_noise, register_noise
from queued_jobs import claim_job, queue_job
from servers import free_port

from app.domain import events
from app.domain.database import Database
from app.domain.job_objects import sample_key
from app.domain.job_states import Stop
from app.domain.jobs import request_stop
from app.domain.settings import Settings
from app.domain.step_timing import StepMeter
from app.domain.store import ObjectStore
from app.main import create_app
from app.serving.connections import Connection
from benchmarks.harness.random_models import register, store_checkpoint

CLASSES = ("0", "1")
SAMPLE_AT = 64  # images_seen
LATENT_DIM = 8


class Running(NamedTuple):
    """`jobs`: two running ones, a paused one and a cancelled one."""

    url: str
    document: dict[str, Any]
    jobs: list[str]
    checkpoint: str


@contextmanager
def running_api(folder: Path, settings: Settings) -> Iterator[Running]:
    """Serve an API without a worker: queued jobs never start.

    The models `plain` and `classes` and the dataset `noise` are in use by running jobs, so that
    they cannot be deleted.
    """
    sqlite_database(settings.home / "moggy.db")
    database = Database(settings.database)
    api = create_app(settings)
    try:
        jobs, checkpoint = fill(database, ObjectStore(settings), folder)
        with _served(api) as url:
            # Dry runs give up before a training step has been timed.
            api.state.step_meter = StepMeter(limit_seconds=0.01)
            yield Running(url, api.openapi(), jobs, checkpoint)
    finally:
        database.close()


def fill(database: Database, store: ObjectStore, folder: Path) -> tuple[list[str], str]:
    """Register a dataset, two models and four jobs; return the jobs' ids and a checkpoint's."""
    register_noise(pack_noise(folder), store, database)
    small: dict[str, Any] = {"architecture": "mlp", "shape": (28, 40, 3), "latent_dim": LATENT_DIM}
    plain = register(database, store_checkpoint(store, "plain", **small))
    conditional: dict[str, Any] = {"classes": CLASSES, "conditional": True}
    register(database, store_checkpoint(store, "classes", **small, **conditional))
    fields = {"dataset": "noise", "preset": "mlp"}
    jobs = [queue_job(database, model=model, **fields) for model in ("plain", "classes")]
    for job in jobs:
        assert claim_job(database, lease=3600.0).job_id == job
    with database.write() as session:
        events.append(session, jobs[0], "progress", {"images_seen": 1, "loss": 0.5})
        events.append(session, jobs[0], "sample", {"images_seen": SAMPLE_AT, "url": "/"})
    store.put_bytes(sample_key(jobs[0], SAMPLE_AT), (folder / "0.png").read_bytes())
    for stop in (Stop.PAUSE, Stop.CANCEL):
        jobs.append(queue_job(database, model="plain", **fields))
        with database.write() as session:
            request_stop(session, jobs[-1], stop)
    return jobs, plain.id


@contextmanager
def _served(api: Any) -> Iterator[str]:
    port = free_port()
    # The options of `moggy up` (app.up.service).
    options: dict[str, Any] = {"http": Connection, "ws": "none", "proxy_headers": False}
    server = uvicorn.Server(uvicorn.Config(api, port=port, log_level="error", **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
