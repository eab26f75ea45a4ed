"""A checkpoint of an older version is exported when it is first needed; requests wait for it."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select

from app.domain import registry
from app.domain.database import Database
from app.domain.errors import Unavailable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_states import Status
from app.domain.message_publisher import MessagePublisher
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from app.domain.tables import Job
from app.serving import checkpoint_exports
from app.serving.checkpoint_exports import CheckpointExports
from app.serving.checkpoints import BrokenCheckpoint
from benchmarks.harness.random_models import register, store_checkpoint


@pytest.fixture
def exports(database: Database, settings: Settings) -> Iterator[CheckpointExports]:
    publisher = MessagePublisher(None)
    yield CheckpointExports(database, settings, publisher)
    publisher.close()


@pytest.fixture
def older(database: Database, store: ObjectStore) -> GeneratorCheckpoint:
    checkpoint = register(database, store_checkpoint(store))
    with database.write() as session:
        row = registry.find_checkpoint(session, checkpoint.id)
        row.onnx_sha256 = row.onnx_bytes = None
    return replace(checkpoint, onnx_sha256=None)


def jobs_of(database: Database) -> list[Job]:
    with database.read() as session:
        return list(session.scalars(select(Job)))


async def wait_for_job(database: Database) -> None:
    while not jobs_of(database):
        await asyncio.sleep(0.02)


def test_a_checkpoint_with_its_file_is_returned_at_once(
    exports: CheckpointExports, database: Database, store: ObjectStore
) -> None:
    checkpoint = register(database, store_checkpoint(store))
    assert asyncio.run(exports.exported(checkpoint)) is checkpoint
    assert jobs_of(database) == []


def test_requests_wait_for_one_job_and_get_the_exported_checkpoint(
    exports: CheckpointExports, database: Database, older: GeneratorCheckpoint
) -> None:
    async def scenario() -> list[GeneratorCheckpoint]:
        waiting = [asyncio.create_task(exports.exported(older)) for _ in range(3)]
        await wait_for_job(database)
        with database.write() as session:
            row = registry.find_checkpoint(session, older.id)
            row.onnx_sha256, row.onnx_bytes = "0" * 64, 1
        return await asyncio.wait_for(asyncio.gather(*waiting), 10)

    assert asyncio.run(scenario()) == [replace(older, onnx_sha256="0" * 64)] * 3
    (job,) = jobs_of(database)
    assert (job.kind, job.checkpoint) == ("export", older.id)


def test_a_failed_export_is_reported_with_its_reason(
    exports: CheckpointExports, database: Database, older: GeneratorCheckpoint
) -> None:
    async def scenario() -> None:
        waiting = asyncio.create_task(exports.exported(older))
        await wait_for_job(database)
        with database.write() as session:
            (job,) = session.scalars(select(Job))
            job.status, job.error = Status.FAILED, "its file is damaged"
        await asyncio.wait_for(waiting, 10)

    with pytest.raises(BrokenCheckpoint, match=f"{older.id} .* its file is damaged"):
        asyncio.run(scenario())


def test_a_request_that_waits_too_long_is_told_to_ask_again(
    exports: CheckpointExports, older: GeneratorCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_exports, "WAIT_SECONDS", 0.3)
    with pytest.raises(Unavailable, match="is being exported once") as refused:
        asyncio.run(exports.exported(older))
    assert refused.value.retry_after == checkpoint_exports.RETRY_SECONDS
