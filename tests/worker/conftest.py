"""A home with a packed dataset of real digits, and workers that run as real processes."""

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from job_watch import JobWatch
from PIL import Image

from app.domain.database import Database
from app.domain.jobs import new_id
from app.domain.queue import CONCURRENT_JOBS, Queue
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Dataset
from app.domain.training import queue_training
from app.up.service import RUN_MODULE
from worker.context import WorkerContext

ROOT = Path(__file__).resolve().parent.parent.parent
DIGITS = 512

# Small enough that 20,000 images take seconds on one core.
TINY = {"width": 8, "latent_dim": 16, "sample_every_images": 4096, "checkpoint_every_images": 4096}


@pytest.fixture(scope="session")
def digits(shared_data: Path) -> np.ndarray:
    """Real digits, uint8 (N, 28, 28, 1)."""
    with zipfile.ZipFile(shared_data / "digits-labelled.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".png")][:DIGITS]
        pictures = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    return np.stack(pictures)[..., None]


@pytest.fixture
def settings(tmp_path: Path, database_url: str, valkey_url: str) -> Settings:
    return Settings(
        home=tmp_path / "home",
        database_url=database_url,
        redis_url=valkey_url,
        lease_seconds=4,
        reap_seconds=0.5,
        state_every_seconds=0.5,
        checkpoints_kept=5,
    )


@pytest.fixture
def store(settings: Settings) -> ObjectStore:
    return ObjectStore(settings)


@pytest.fixture
def context(settings: Settings) -> Iterator[WorkerContext]:
    context = WorkerContext.from_settings(settings)
    yield context
    context.notifier.close()
    context.database.close()


@pytest.fixture
def dataset(database: Database, store: ObjectStore, digits: np.ndarray) -> str:
    """The name of a ready dataset of digits."""
    buffer = io.BytesIO()
    np.save(buffer, digits)
    store.put_bytes("datasets/digits/1/images.npy", buffer.getvalue())
    description = {"shape": list(digits.shape[1:]), "images": len(digits)}
    store.put_bytes("datasets/digits/1/dataset.json", json.dumps(description).encode())
    with database.write() as session:
        session.add(
            Dataset(
                id="digits",
                name="digits",
                status="ready",
                job="none",
                request={},
                key="datasets/digits/1",
                images=len(digits),
                shape=list(digits.shape[1:]),
                created_at=0.0,
            )
        )
    return "digits"


@pytest.fixture
def train(database: Database, settings: Settings, dataset: str) -> Callable[..., str]:
    """Queues a tiny training with changes to its request or its overrides; returns the job id."""

    def queue(images: int, request: dict[str, Any] | None = None, **overrides: Any) -> str:
        fields: dict[str, Any] = {
            "dataset": dataset,
            "model": "digits",
            "preset": "dcgan",
            "images": images,
            "epochs": None,
            "batch_size": None,
            "seed": 1,
            "resume_from": None,
            "stability": None,
            "overrides": TINY | overrides,
        }
        return queue_training(database, settings, fields | (request or {}), None).id

    return queue


@pytest.fixture
def start_worker(
    settings: Settings, tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts `celery … worker` for comma-separated queues, as `moggy up` does."""
    environment = os.environ | {
        f"MOGGY_{name.upper()}": str(value)
        for name, value in settings.model_dump(exclude_defaults=True).items()
    }
    started: list[subprocess.Popen[bytes]] = []

    def start(queues: str, **changes: object) -> subprocess.Popen[bytes]:
        changed = {f"MOGGY_{name.upper()}": str(value) for name, value in changes.items()}
        first, *_ = names = queues.split(",")
        threads = str(sum(CONCURRENT_JOBS[Queue(name)] for name in names))
        command = ["-A", "worker.tasks", "worker", "-Q", queues, "-P", "threads", "-c", threads]
        with (tmp_path / f"worker-{len(started)}.log").open("wb") as log:
            worker = subprocess.Popen(
                [*RUN_MODULE, "celery", *command, "-n", f"{first}-{new_id()}@%h"],
                cwd=ROOT,
                env=environment | changed,
                stdout=log,
                stderr=log,
            )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        if worker.poll() is None:
            worker.kill()
        worker.wait()


@pytest.fixture
def watch(database: Database) -> Callable[[str], JobWatch]:
    return lambda job_id: JobWatch(database, job_id)
