"""Waits until a checkpoint of an older version has its ONNX file, which a job writes once."""

import asyncio
import time

from anyio import to_thread
from sqlalchemy import select

from app.domain.database import Database
from app.domain.errors import Unavailable
from app.domain.export import ensure_exported
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_states import ENDED
from app.domain.message_publisher import MessagePublisher
from app.domain.registry import find_checkpoint
from app.domain.settings import Settings
from app.domain.tables import Job
from app.serving.checkpoints import BrokenCheckpoint

# An export takes 2 s, most of it to import torch. Longer waits are for jobs that are ahead of it.
WAIT_SECONDS = 15.0
POLL_SECONDS = 0.2
RETRY_SECONDS = 5


class CheckpointExports:
    """Has the ONNX files of older checkpoints written when they are first needed."""

    def __init__(self, database: Database, settings: Settings, publisher: MessagePublisher) -> None:
        self._database, self._settings, self._publisher = database, settings, publisher

    async def exported(self, checkpoint: GeneratorCheckpoint) -> GeneratorCheckpoint:
        """The checkpoint with its ONNX file; at once where it has one.

        Raises BrokenCheckpoint if the export fails, and Unavailable if it takes longer than
        WAIT_SECONDS: it then continues, and a later request finds the file.
        """
        if checkpoint.onnx_sha256 is not None:
            return checkpoint
        job = await to_thread.run_sync(
            ensure_exported, self._database, self._settings, checkpoint.id
        )
        if job is not None:
            self._publisher.wake(job.queue)
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            now = await to_thread.run_sync(self._read, checkpoint, job.id if job else None)
            if now.onnx_sha256 is not None:
                return now
            await asyncio.sleep(POLL_SECONDS)
        raise Unavailable(
            f"checkpoint {checkpoint.id} of model {checkpoint.model!r} was stored by an older "
            "version and is being exported once; the job waits for a worker or for other jobs: "
            f"retry in {RETRY_SECONDS} s",
            retry_after=RETRY_SECONDS,
        )

    def _read(self, checkpoint: GeneratorCheckpoint, job_id: str | None) -> GeneratorCheckpoint:
        """The checkpoint as it is now. Raises BrokenCheckpoint if its export has failed."""
        with self._database.read() as session:
            job = session.scalar(select(Job).where(Job.id == job_id)) if job_id else None
            now = GeneratorCheckpoint.of(find_checkpoint(session, checkpoint.id))
        if now.onnx_sha256 is None and job is not None and job.status in ENDED:
            raise BrokenCheckpoint(
                f"checkpoint {checkpoint.id} of model {checkpoint.model!r} cannot be exported: "
                f"job {job.id} {job.status}: {job.error or 'no reason is known'}"
            )
        return now
