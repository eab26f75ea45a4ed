"""The index of a served checkpoint: queued once when its training has ended, and stored."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from servers import ON_POSTGRESQL

from app.domain import jobs, leases, registry
from app.domain.checkpoint_files import REFERENCE_FILE, find_file
from app.domain.database import Database
from app.domain.derived_files import derive_served
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_states import JobKind, Status, Stop
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import CheckpointFile, Job
from benchmarks.harness.random_models import register, store_checkpoint
from models.scoring.sample_index import SampleIndex
from worker import supervisor
from worker.context import WorkerContext
from worker.kinds.index import Index
from worker.reaper import reap

SMALL: dict[str, Any] = {"architecture": "mlp", "shape": (28, 28, 3), "latent_dim": 8}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"index_samples": 64, "index_served": True})


@pytest.fixture
def served(database: Database, store: ObjectStore) -> GeneratorCheckpoint:
    return register(database, store_checkpoint(store, **SMALL))


def run_next(database: Database, context: WorkerContext) -> Job:
    with database.write() as session:
        claimed = leases.acquire(session, "light", lease_seconds=60, max_attempts=3)
    assert claimed is not None
    supervisor.supervise(context, claimed)
    with database.read() as session:
        return jobs.find(session, claimed.id)


@pytest.mark.slow
@ON_POSTGRESQL
def test_the_reaper_queues_it_and_its_job_stores_it(
    database: Database,
    store: ObjectStore,
    settings: Settings,
    context: WorkerContext,
    served: GeneratorCheckpoint,
) -> None:
    reap(context, ["train"])  # this worker has no light jobs
    with database.read() as session:
        assert session.query(Job).count() == 0
    reap(context, ["light"])
    job = run_next(database, context)
    assert (job.kind, job.status, job.error) == ("index", Status.SUCCEEDED, None)
    assert job.config == {"background": True}  # nobody waits for it
    assert job.progress["images_seen"] == 64
    with database.read() as session:
        file = find_file(session, served.id, JobKind.INDEX)
    assert file is not None
    index = SampleIndex(store.local_copy(file.key, file.sha256))
    assert len(index) == file.details["samples"] == 64
    assert file.details["quality_absent"] == "it is not known what this checkpoint was trained on"
    reap(context, ["light"])
    with database.read() as session:
        assert session.query(Job).count() == 1


def test_the_reference_that_came_with_the_checkpoint_is_given_to_the_child(
    database: Database,
    store: ObjectStore,
    settings: Settings,
    context: WorkerContext,
    served: GeneratorCheckpoint,
    tmp_path: Path,
) -> None:
    store.put_bytes("jobs/import/1/files/reference.safetensors", b"reference")
    file = CheckpointFile(
        checkpoint=served.id,
        kind=REFERENCE_FILE,
        key="jobs/import/1/files/reference.safetensors",
        sha256=hashlib.sha256(b"reference").hexdigest(),
        bytes=9,
        details={},
    )
    with database.write() as session:
        session.add(file)
    job = derive_served(database, settings)
    assert job is not None
    Index(context, job, tmp_path).prepare()
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["pictures"] is None
    assert Path(run["reference"]).read_bytes() == b"reference"


def test_while_a_training_may_change_what_is_served_nothing_is_queued(
    database: Database, store: ObjectStore, settings: Settings, served: GeneratorCheckpoint
) -> None:
    with database.write() as session:
        training = jobs.create(session, kind="train", model="cats", config={}, max_queued=9)
    assert derive_served(database, settings) is None
    with database.write() as session:
        jobs.request_stop(session, training.id, Stop.CANCEL)
    other = register(database, store_checkpoint(store, "dogs", **SMALL))
    first = derive_served(database, settings)
    assert first is not None
    assert first.checkpoint == served.id
    assert derive_served(database, settings) is None  # until the first has ended
    with database.write() as session:
        jobs.request_stop(session, first.id, Stop.CANCEL)
    second = derive_served(database, settings)
    assert second is not None
    assert second.checkpoint == other.id
    with database.write() as session:
        jobs.request_stop(session, second.id, Stop.CANCEL)
    assert derive_served(database, settings) is None  # a cancelled one is not repeated


def test_another_served_checkpoint_is_indexed_too(
    database: Database, store: ObjectStore, settings: Settings, served: GeneratorCheckpoint
) -> None:
    newer = register(database, store_checkpoint(store, weights=2, **SMALL))
    with database.write() as session:
        registry.set_served(session, "cats", served.id)
    for checkpoint in (served, newer):
        with database.write() as session:
            registry.set_served(session, "cats", checkpoint.id)
        job = derive_served(database, settings)
        assert job is not None
        assert job.checkpoint == checkpoint.id
        with database.write() as session:
            jobs.request_stop(session, job.id, Stop.CANCEL)


def test_the_encoder_of_a_served_checkpoint_is_trained_after_its_index(
    database: Database, store: ObjectStore, settings: Settings, served: GeneratorCheckpoint
) -> None:
    other = register(database, store_checkpoint(store, "dogs", **SMALL))
    with_encoders = settings.model_copy(update={"encoder_served": True})
    queued = []
    while (job := derive_served(database, with_encoders)) is not None:
        queued.append((job.kind, job.checkpoint))
        assert derive_served(database, with_encoders) is None  # until this one has ended
        with database.write() as session:
            jobs.request_stop(session, job.id, Stop.CANCEL)
    assert queued == [
        (kind, checkpoint.id)
        for kind in (JobKind.INDEX, JobKind.ENCODER)
        for checkpoint in (served, other)
    ]


def test_without_the_extra_no_encoder_is_queued_by_itself(
    database: Database,
    settings: Settings,
    served: GeneratorCheckpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only_encoders = settings.model_copy(update={"index_served": False, "encoder_served": True})
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "torch", None)
        assert derive_served(database, only_encoders) is None
    job = derive_served(database, only_encoders)
    assert job is not None
    assert job.kind == "encoder"
