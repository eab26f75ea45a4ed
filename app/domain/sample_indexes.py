"""The errors of requests that need a checkpoint's sample index, or the quality that it defines.

A request for a missing index queues the job that builds it. `derived_files` says when one is queued
without a request, and `models.scoring.sample_index` describes the file.
"""

from collections.abc import Callable
from math import ceil

from app.domain.checkpoint_files import ensure_job, newest_job
from app.domain.database import Database
from app.domain.errors import Conflict, Unavailable
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_states import ENDED, JobKind, Status
from app.domain.settings import Settings
from app.domain.tables import Job

MIN_RETRY, MAX_RETRY = 2, 60  # seconds


class IndexMissing(Unavailable):
    """The checkpoint has no sample index yet; a job builds it."""

    kind = "index_missing"


def index_missing(
    database: Database,
    settings: Settings,
    checkpoint: GeneratorCheckpoint,
    wake: Callable[[str], None],
) -> IndexMissing:
    """The error for a checkpoint without a usable index, whose job is queued unless there is one.

    `wake` notifies the workers of a queue. Raises NotFound, QueueFull.
    """
    with database.read() as session:
        previous = newest_job(session, checkpoint.id, JobKind.INDEX)
    # Also where a file is stored: it could not be used.
    job = ensure_job(database, settings, checkpoint.id, JobKind.INDEX, lambda _row: False)
    assert job is not None
    wake(job.queue)
    return _describe_missing(checkpoint, job, previous)


def quality_unknown(reason: str, field: str) -> Conflict:
    """The error for a request whose `field` needs the quality of a model's images."""
    return Conflict(
        f"the quality of this model's images is not known: {reason}. Leave {field} out", field=field
    )


def _describe_missing(
    checkpoint: GeneratorCheckpoint, job: Job, previous: Job | None
) -> IndexMissing:
    eta = job.progress.get("eta_seconds") if job.status == Status.RUNNING else None
    seconds = MIN_RETRY if eta is None else ceil(eta)
    failure = ""
    if previous is not None and previous.status in ENDED and previous.error:
        failure = f" (the one before, {previous.id}, failed: {previous.error})"
    return IndexMissing(
        f"checkpoint {checkpoint.id} of model {checkpoint.model!r} has no sample index yet: job "
        f"{job.id} builds it{failure}. Retry when that job has succeeded",
        retry_after=min(max(seconds, MIN_RETRY), MAX_RETRY),
        job=job.id,
    )
