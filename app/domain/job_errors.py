"""Why a job failed or waits: the kinds of its error, with the numbers and names in its sentence.

A kind is known only for frequent errors. Jobs that older versions ended have none.
"""

from typing import Annotated, Any, Literal

import structlog
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

log = structlog.get_logger()


class OutOfMemory(BaseModel):
    kind: Literal["out_of_memory"]
    attempts: int


class Crashed(BaseModel):
    """Its process ended without a reason, at each of the attempts."""

    kind: Literal["crashed"]
    attempts: int


class WorkerLost(BaseModel):
    """Its workers stopped renewing the lease."""

    kind: Literal["worker_lost"]
    attempts: int


class WorkerFailed(BaseModel):
    kind: Literal["worker_failed"]
    attempts: int


class DataMissing(BaseModel):
    """A stored file that the job needs is not there."""

    kind: Literal["data_missing"]
    attempts: int


class PackagesMissing(BaseModel):
    """The machine of the worker lacks Python packages."""

    kind: Literal["packages_missing"]


class DiskFull(BaseModel):
    """The job is queued again, and waits until `room_needed` bytes are free."""

    kind: Literal["disk_full"]
    free_bytes: int
    room_needed: int


class Stalled(BaseModel):
    """Its process made no progress for so many seconds."""

    kind: Literal["stalled"]
    seconds: float


class Diverged(BaseModel):
    """The training diverged, after its rollbacks too."""

    kind: Literal["diverged"]


class NotScored(BaseModel):
    """The training is done, and its last checkpoint has no scores."""

    kind: Literal["not_scored"]


class DatasetUnreadable(BaseModel):
    kind: Literal["dataset_unreadable"]


class CheckpointUnreadable(BaseModel):
    kind: Literal["checkpoint_unreadable"]


class UnusableModelFile(BaseModel):
    """The file of an import is no model that can be used here."""

    kind: Literal["unusable_model_file"]


class Cancelled(BaseModel):
    """The job that was to make the dataset was cancelled."""

    kind: Literal["cancelled"]


class TooFewPictures(BaseModel):
    """Of the files of an upload `accepted` are usable, and at least `needed` are needed."""

    kind: Literal["too_few_pictures"]
    accepted: int
    received: int
    needed: int


class AllAlike(BaseModel):
    """The pictures of an upload show almost the same."""

    kind: Literal["all_alike"]
    pictures: int
    needed: int


class TooManyPictures(BaseModel):
    kind: Literal["too_many_pictures"]
    max_images: int


class UnpacksTooLarge(BaseModel):
    kind: Literal["unpacks_too_large"]
    max_bytes: int


class BrokenArchive(BaseModel):
    kind: Literal["broken_archive"]
    file: str


JobError = Annotated[
    OutOfMemory
    | Crashed
    | WorkerLost
    | WorkerFailed
    | DataMissing
    | PackagesMissing
    | DiskFull
    | Stalled
    | Diverged
    | NotScored
    | DatasetUnreadable
    | CheckpointUnreadable
    | UnusableModelFile
    | Cancelled
    | TooFewPictures
    | AllAlike
    | TooManyPictures
    | UnpacksTooLarge
    | BrokenArchive,
    Field(discriminator="kind"),
]

_ADAPTER: TypeAdapter[JobError] = TypeAdapter(JobError)


def read_job_error(stored: dict[str, Any] | None) -> JobError | None:
    """The error that a row holds; None if it holds none, or one that this version does not know."""
    if stored is None:
        return None
    try:
        return _ADAPTER.validate_python(stored)
    except ValidationError as error:  # stored by a newer worker
        log.warning("job_error_unknown", facts=stored, error=str(error))
        return None
