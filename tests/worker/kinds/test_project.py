"""Projections by real child processes: the encoder first, once, then the latent of a picture."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from app.domain import events, jobs, leases
from app.domain.checkpoint_files import find_file
from app.domain.database import Database
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_objects import delete_leftovers, unlist_files
from app.domain.job_states import JobKind, Status, Stop
from app.domain.projections import PreparedPicture, projection_latent, queue_projection
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Job, JobFile
from benchmarks.harness.random_models import register, store_checkpoint
from models.config import TrainingConfig
from models.onnx_generator import OnnxGenerator
from models.samples import png
from models.seeds import latents_from_seeds
from worker import supervisor
from worker.child import Child
from worker.context import WorkerContext

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
pytestmark = [pytest.mark.slow, ON_SQLITE]

CONFIG = TrainingConfig(architecture="mlp", shape=(28, 28, 1), width=8, latent_dim=8)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"encoder_images": 128, "calibration_pictures": 8, "projection_steps": 3}
    )


@pytest.fixture
def checkpoint(database: Database, store: ObjectStore) -> GeneratorCheckpoint:
    shape, dim = CONFIG.shape, CONFIG.latent_dim
    stored = store_checkpoint(store, architecture="mlp", shape=shape, latent_dim=dim)
    return register(database, stored)


@pytest.fixture
def queue(
    database: Database, settings: Settings, store: ObjectStore, checkpoint: GeneratorCheckpoint
) -> Any:
    """Queues the projection of a picture that the model generates; returns the queued jobs."""
    generator = OnnxGenerator(store.get_bytes(checkpoint.onnx_key))
    picture = png(generator.generate(latents_from_seeds([7], CONFIG.latent_dim))[0])

    def run() -> list[Job]:
        prepared = PreparedPicture("seven.png", "crop", picture)
        return queue_projection(database, settings, store, checkpoint, None, prepared)

    return run


def run_next(database: Database, context: WorkerContext) -> Job:
    """Supervise the next attempt of the oldest job."""
    with database.write() as session:
        claimed = leases.acquire(session, "light", lease_seconds=60, max_attempts=3)
    assert claimed is not None
    supervisor.supervise(context, claimed)
    with database.read() as session:
        return jobs.find(session, claimed.id)


def phases(database: Database, job_id: str) -> set[str]:
    with database.read() as session:
        return {row.data["phase"] for row in events.of_type(session, job_id, "progress")}


def test_the_encoder_is_trained_once_and_its_projections_have_results(
    database: Database,
    context: WorkerContext,
    store: ObjectStore,
    checkpoint: GeneratorCheckpoint,
    queue: Any,
) -> None:
    encoder, first = queue()
    assert (encoder.kind, first.kind) == (JobKind.ENCODER, JobKind.PROJECT)
    assert [job.id for job in queue()[:-1]] == [encoder.id]  # the second projection shares it
    trained = run_next(database, context)
    assert (trained.id, trained.status, trained.error) == (encoder.id, Status.SUCCEEDED, None)
    assert phases(database, encoder.id) == {"encoder", "calibration"}
    with database.read() as session:
        file = find_file(session, checkpoint.id, JobKind.ENCODER)
    assert file is not None
    assert file.details["source"] == "generated"
    assert len(store.get_bytes(file.key)) == file.bytes

    job = run_next(database, context)
    assert (job.id, job.status, job.error) == (first.id, Status.SUCCEEDED, None)
    assert phases(database, first.id) == {"projection"}
    assert job.result is not None
    assert job.result["class"] is None
    assert job.result["seconds"]["encoder"] < 10
    assert 0 <= job.result["distance"] <= 2
    assert 0 <= job.result["pixel_error"] <= 255
    with database.read() as session:
        latent = projection_latent(session, "cats", first.id)
    np.testing.assert_array_equal(latent, np.array(job.result["latent"], np.float32))
    assert len(queue()) == 1  # nothing to train any more
    with database.write() as session:
        ended = unlist_files(session, first.id)
    delete_leftovers(database, store, ended)
    assert store.keys(f"jobs/{first.id}") == []
    assert store.get_bytes(file.key)


def test_a_killed_child_is_started_again_and_trains_what_is_missing(
    database: Database,
    context: WorkerContext,
    queue: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(Child):
        def next_event(self, timeout: float) -> dict[str, Any] | None:
            self.kill()
            return super().next_event(timeout)

    encoder, projection = queue()
    with database.write() as session:
        jobs.request_stop(session, encoder.id, Stop.CANCEL)
    with monkeypatch.context() as patched:
        patched.setattr(supervisor, "Child", Killed)
        assert run_next(database, context).status == Status.QUEUED
    job = run_next(database, context)
    assert (job.id, job.status, job.epoch) == (projection.id, Status.SUCCEEDED, 2)
    assert phases(database, job.id) == {"encoder", "calibration", "projection"}
    assert len(queue()) == 1


def test_a_cancelled_projection_leaves_nothing(
    database: Database,
    context: WorkerContext,
    store: ObjectStore,
    queue: Any,
) -> None:
    encoder, projection = queue()
    with database.write() as session:
        jobs.request_stop(session, encoder.id, Stop.CANCEL)
        claimed = leases.acquire(session, "light", lease_seconds=60, max_attempts=3)
        assert claimed is not None
        jobs.request_stop(session, projection.id, Stop.CANCEL)
    supervisor.supervise(context, claimed)
    with database.read() as session:
        job = jobs.find(session, projection.id)
        files = session.scalars(select(JobFile.name)).all()
    assert (job.status, job.result) == (Status.CANCELLED, None)
    assert (files, store.keys(f"jobs/{projection.id}")) == ([], [])


def test_a_damaged_checkpoint_fails_with_its_reason(
    database: Database,
    context: WorkerContext,
    store: ObjectStore,
    checkpoint: GeneratorCheckpoint,
    queue: Any,
) -> None:
    queue()
    store.put_bytes(checkpoint.key, store.get_bytes(checkpoint.key)[:1000])
    job = run_next(database, context)
    assert job.status == Status.FAILED
    assert job.error is not None
    assert "cannot be read as a checkpoint" in job.error
