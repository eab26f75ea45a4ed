"""Evaluations by real workers: their scores, and their stop."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from job_watch import JobWatch
from servers import ON_POSTGRESQL

from app.domain import datasets, evaluation
from app.domain.database import Database
from app.domain.evaluation import queue_evaluation
from app.domain.job_states import Status, Stop
from app.domain.jobs import request_stop
from app.domain.packing import PackingRequest
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from benchmarks.harness.random_models import register, store_checkpoint

pytestmark = [pytest.mark.slow, ON_POSTGRESQL]

Watch = Callable[[str], JobWatch]
StartWorker = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def trained(database: Database, store: ObjectStore) -> str:
    """The name of a model with a checkpoint of random weights."""
    return register(database, store_checkpoint(store, "digits", shape=(28, 28, 1))).model


@pytest.fixture
def evaluate(database: Database, settings: Settings, dataset: str) -> Callable[..., str]:
    def queue(model: str, images: int | None = None) -> str:
        request: dict[str, Any] = {"dataset": dataset, "model": model, "checkpoint": None}
        return queue_evaluation(database, settings, request | {"images": images}, None).id

    return queue


def test_a_succeeded_evaluation_has_scores(
    trained: str,
    evaluate: Callable[..., str],
    watch: Watch,
    start_worker: StartWorker,
) -> None:
    job_id = evaluate(trained)
    start_worker("evaluate")
    job = watch(job_id).until_ended(240)
    assert (job.status, job.error) == (Status.SUCCEEDED, None)
    assert job.result is not None
    assert (job.result["images"], job.result["real_images"]) == (512, 512)
    assert job.result["floor"]["kid"] < job.result["kid"] < job.result["ceiling"]["kid"] * 2
    assert job.progress["images_seen"] == 512


def test_uploads_do_not_wait_for_an_evaluation_and_a_stop_or_a_cancel_ends_it(
    trained: str,
    evaluate: Callable[..., str],
    watch: Watch,
    start_worker: StartWorker,
    database: Database,
    store: ObjectStore,
    digits: np.ndarray,
    tmp_path: Path,
) -> None:
    job_id = evaluate(trained, images=evaluation.MAX_SCORED_IMAGES)
    worker = start_worker("light,evaluate")
    watch(job_id).until(lambda job: job.progress["images_seen"] > 0, 240)
    worker.terminate()
    assert watch(job_id).until(lambda job: job.status == Status.QUEUED, 60).attempt == 0
    start_worker("light,evaluate")
    watch(job_id).until(lambda job: job.status == Status.RUNNING, 120)
    np.save(tmp_path / "more.npy", digits[:32])
    more = datasets.register_upload(
        database,
        store,
        dataset_id="more",
        name="more",
        request=PackingRequest(),
        files=[("more.npy", tmp_path / "more.npy")],
        max_queued=9,
    )
    assert watch(more.job).until_ended().status == Status.SUCCEEDED
    assert watch(job_id).read().status == Status.RUNNING
    with database.write() as session:
        request_stop(session, job_id, Stop.CANCEL)
    job = watch(job_id).until_ended(60)
    assert (job.status, job.result) == (Status.CANCELLED, None)
