"""Imports by a real child process: the images are the same, broken weights are refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from bundle_files import bundle_contents, few_real_images, zipped
from servers import ON_POSTGRESQL
from sqlalchemy import select
from weight_files import TINY, tiny_checkpoint, with_description, with_tensor, without

from app.domain import jobs, leases
from app.domain.bundles import REFERENCE
from app.domain.database import Database
from app.domain.imports import queue_import, read_weights
from app.domain.job_states import Status
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Checkpoint, Job, Model
from benchmarks.harness.random_models import onnx_bytes
from models.config import TrainingConfig
from models.scoring.reference_file import reference_bytes
from worker import supervisor
from worker.context import WorkerContext

pytestmark = [pytest.mark.slow, ON_POSTGRESQL]

Import = Callable[[bytes], Job]


@pytest.fixture
def run_import(
    database: Database,
    settings: Settings,
    store: ObjectStore,
    context: WorkerContext,
    tmp_path: Path,
) -> Import:
    """Queues the import of a file as the model `cats`, and supervises its job."""

    def run(file: bytes) -> Job:
        (tmp_path / "upload").write_bytes(file)
        weights = read_weights(tmp_path / "upload", "cats.safetensors", settings)
        job = queue_import(
            database,
            store,
            model="cats",
            file_name="cats.safetensors",
            weights=weights,
            max_queued=10,
        )
        with database.write() as session:
            claimed = leases.acquire(session, "light", lease_seconds=60, max_attempts=3)
        assert claimed is not None
        assert claimed.id == job.id
        supervisor.supervise(context, claimed)
        with database.read() as session:
            return jobs.find(session, job.id)

    return run


def test_an_imported_checkpoint_has_the_bytes_of_its_files(
    run_import: Import, database: Database, store: ObjectStore
) -> None:
    file, reference = tiny_checkpoint(), reference_bytes(few_real_images(), "moggy-1")
    job = run_import(zipped(bundle_contents(file) | {REFERENCE: reference}))
    assert (job.status, job.error) == (Status.SUCCEEDED, None)
    with database.read() as session:
        (checkpoint,) = session.scalars(select(Checkpoint)).all()
    assert store.get_bytes(checkpoint.key) == file
    # A new file, and the one that a training writes.
    assert store.get_bytes(checkpoint.objects[1]) == onnx_bytes(TINY, 1)
    assert store.get_bytes(checkpoint.objects[2]) == reference
    assert sorted(key for key in store.keys("jobs")) == sorted(checkpoint.objects)
    assert (checkpoint.model, checkpoint.images_seen) == ("cats", 1000)
    assert TrainingConfig.from_json(checkpoint.config) == TINY
    assert checkpoint.bytes == len(file)
    assert job.result == {
        "checkpoint": checkpoint.id,
        "sha256": checkpoint.sha256,
        "has_discriminator": True,
    }


def test_weights_that_are_not_those_of_the_declared_networks_are_refused(
    run_import: Import, database: Database, store: ObjectStore
) -> None:
    file = tiny_checkpoint()
    nan = with_tensor(file, "layers.0.weight", "F32", [8, 8], float("nan"))
    other = with_description(file, config=replace(TINY, latent_dim=9).to_json())
    for broken, reason in [
        (other, "the file has a tensor 'layers.0.weight' of F32 [8, 8], and the networks"),
        (nan, "not finite float32: layers.0.weight"),
    ]:
        job = run_import(broken)
        assert job.status == Status.FAILED
        assert job.error is not None
        assert reason in job.error
        assert store.keys("jobs") == []
    with database.read() as session:
        assert session.scalars(select(Model)).all() == []


def test_a_file_of_the_generator_alone_is_served(run_import: Import) -> None:
    job = run_import(without(tiny_checkpoint(), "discriminator."))
    assert (job.status, job.error) == (Status.SUCCEEDED, None)
    assert job.result is not None
    assert job.result["has_discriminator"] is False
