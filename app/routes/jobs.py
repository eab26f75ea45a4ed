"""Jobs: queue them, list them, move, cancel, pause and resume them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import events, jobs, queue_order
from app.domain.dry_run import dry_run_training
from app.domain.errors import Conflict, InsufficientStorage, InvalidRequest, NotFound, QueueFull
from app.domain.evaluation import queue_evaluation
from app.domain.job_errors import JobError, read_job_error
from app.domain.job_objects import delete_leftovers
from app.domain.job_states import JobKind, Status, Stop
from app.domain.pagination import newest_first
from app.domain.queue import Queue
from app.domain.synthesis import queue_synthesis
from app.domain.tables import Job
from app.domain.training import queue_training
from app.domain.training_warnings import job_warnings
from app.domain.warning_kinds import TrainingWarning, sentences
from app.routes.dependencies import (
    Cursor,
    DatabaseDep,
    DiskDep,
    Limit,
    PublisherDep,
    SettingsDep,
    StepMeterDep,
    StoreDep,
    refuse_unknown_parameters,
    release_reserve,
)
from app.routes.fields import Name, to_datetime
from app.routes.job_event_schemas import HealthData
from app.routes.job_requests import JobRequest
from app.routes.middleware.proxies import public_path
from app.routes.openapi import new_router, problems
from app.serving.request_bodies import FLOAT_AS_INT, StrictBody

router = new_router(
    prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(refuse_unknown_parameters)]
)

RELEASE = Depends(release_reserve)


class Progress(BaseModel):
    images_seen: int
    images_total: int | None
    images_per_second: float | None
    eta_seconds: float | None


class JobView(BaseModel):
    """`position` is the job's place in its `queue`, null unless it is queued. `owner` is the name
    of the key that the job was requested with, null if it has none or the service queued the job
    itself. `worker` is the name of the host that runs the job or ran it last, null before.
    `attempt` counts the starts of its trainer.

    A job that stops because its worker's disk is full is queued again: `error` says this, and
    the job continues when `room_needed` bytes are free there. `error_facts` has the kind of a
    frequent error, and the figures in it; null for other errors.

    `resume_from` is the id of the checkpoint that a training started from; `checkpoint` is the id
    of the one that is evaluated, exported or generates. `health` lists the job's health events,
    newest last. `result` holds an evaluation's scores, an import's checkpoint, or a synthesis's
    totals; its `manifest` is removed when the files are deleted.
    """

    id: str
    kind: JobKind
    queue: Queue
    status: Status
    position: int | None
    owner: str | None
    worker: str | None
    model: str | None
    dataset: str | None
    preset: str | None
    resume_from: str | None
    checkpoint: str | None
    config: dict[str, Any]
    progress: Progress
    health: list[HealthData]
    result: dict[str, Any] | None
    attempt: int
    stop_requested: Stop | None
    error: str | None
    error_facts: JobError | None
    room_needed: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobPatch(StrictBody):
    """`position`: the place that the job gets in its queue; 1 is the next to run, and a number
    beyond the end is the end."""

    position: Annotated[int, Field(strict=True, ge=1, examples=[1]), FLOAT_AS_INT]


class CreatedJob(JobView):
    """`warnings`: sentences about the model that the training adds checkpoints to. `warning_facts`
    has the kind of each, in the same order, and the figures in it."""

    warnings: list[str]
    warning_facts: list[TrainingWarning]


class Estimate(BaseModel):
    """The expected cost of the training. `seconds` and `images_per_second` are null where no
    training step ended in time.

    `measured_on` names the training worker that timed a step, or the service's own machine;
    `worker` is null for that.
    `memory_bytes` is the memory of the `device`, CPU or GPU. `disk_bytes` is the greatest disk use,
    with the `checkpoints` that are kept.
    """

    seconds: float | None
    memory_bytes: int
    disk_bytes: int
    device: str
    measured_on: str
    worker: str | None
    images_per_second: float | None
    checkpoints: int


class Quote(BaseModel):
    """The answer to a dry run: the resolved configuration, an estimate and warnings, each as a
    sentence. `warning_facts` has the kind of each, in the same order, and the figures in it."""

    config: dict[str, Any]
    estimate: Estimate
    warnings: list[str]
    warning_facts: list[TrainingWarning]


class JobList(BaseModel):
    items: list[JobView]
    next: str | None


@router.post(
    "",
    status_code=202,
    responses={
        200: {"model": Quote},
        **problems(NotFound, Conflict, InsufficientStorage, QueueFull),
    },
)
def create_job(
    body: JobRequest,
    response: Response,
    settings: SettingsDep,
    database: DatabaseDep,
    store: StoreDep,
    disk: DiskDep,
    meter: StepMeterDep,
    publisher: PublisherDep,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
    dry_run: Annotated[bool, Query(description="Queue nothing, and return an estimate.")] = False,
) -> CreatedJob | Quote:
    fields = body.own_fields()
    if dry_run:
        if body.kind != "train":
            raise InvalidRequest(
                f"only a training has a dry run, not kind {body.kind}", field="kind"
            )
        response.status_code = 200
        quote = dry_run_training(database, settings, meter, fields)
        return Quote(
            config=quote.config,
            estimate=Estimate.model_validate(quote.estimate),
            warnings=sentences(quote.warnings),
            warning_facts=quote.warnings,
        )
    disk.check()
    if body.kind == "synthesize":
        job = queue_synthesis(database, settings, store, fields, idempotency_key, publisher.wake)
    else:
        queue = queue_evaluation if body.kind == "evaluate" else queue_training
        job = queue(database, settings, fields, idempotency_key)
    publisher.wake(job.queue)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    with database.read() as session:
        view = job_view(session, job)
        warnings = job_warnings(session, job)
        return CreatedJob(**view.model_dump(), warnings=sentences(warnings), warning_facts=warnings)


@router.get("")
def list_jobs(
    database: DatabaseDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    kind: Annotated[JobKind | None, Query(description="Only jobs of this kind.")] = None,
    status: Annotated[Status | None, Query(description="Only jobs in this state.")] = None,
    model: Annotated[Name | None, Query(description="Only jobs of this model.")] = None,
    dataset: Annotated[Name | None, Query(description="Only jobs of this dataset.")] = None,
    owner: Annotated[Name | None, Query(description="Only jobs of this owner.")] = None,
) -> JobList:
    """All jobs, newest first, or those that match every given filter."""
    filters = [
        *((Job.kind, kind), (Job.status, status)),
        *((Job.model, model), (Job.dataset, dataset), (Job.owner, owner)),
    ]
    query = select(Job).where(*(column == value for column, value in filters if value is not None))
    with database.read() as session:
        page = newest_first(session, query, Job.number, limit=limit, cursor=cursor)
        return JobList(items=job_views(session, page.items), next=page.next)


@router.get("/{job_id}")
def get_job(job_id: str, database: DatabaseDep) -> JobView:
    with database.read() as session:
        return job_view(session, jobs.find(session, job_id))


@router.patch("/{job_id}", responses=problems(Conflict))
def move_job(
    job_id: str, patch: JobPatch, database: DatabaseDep, publisher: PublisherDep
) -> JobView:
    """Move this queued job to another place in its queue. The others keep their order."""
    with database.write() as session:
        job = jobs.move(session, job_id, patch.position)
    return _answer(database, publisher, job)


@router.post("/{job_id}/cancel", responses=problems(Conflict), dependencies=[RELEASE])
def cancel_job(
    job_id: str, database: DatabaseDep, store: StoreDep, publisher: PublisherDep
) -> JobView:
    """Cancel this job; a running one ends within seconds. The checkpoints of a training are kept,
    the files of a synthesis are deleted."""
    with database.write() as session:
        job = jobs.request_stop(session, job_id, Stop.CANCEL)
    if job.status == Status.CANCELLED:  # no worker ran it, so none cleans up
        delete_leftovers(database, store, job)
    return _answer(database, publisher, job)


@router.post("/{job_id}/pause", responses=problems(Conflict), dependencies=[RELEASE])
def pause_job(job_id: str, database: DatabaseDep, publisher: PublisherDep) -> JobView:
    """Pause this training or synthesis until it is resumed. The training state, or the finished
    shards, are kept."""
    with database.write() as session:
        job = jobs.request_stop(session, job_id, Stop.PAUSE)
    return _answer(database, publisher, job)


@router.post("/{job_id}/resume", responses=problems(Conflict))
def resume_job(job_id: str, database: DatabaseDep, publisher: PublisherDep) -> JobView:
    with database.write() as session:
        job = jobs.resume(session, job_id)
    publisher.wake(job.queue)
    return _answer(database, publisher, job)


def _answer(database: DatabaseDep, publisher: PublisherDep, job: Job) -> JobView:
    publisher.notify([job.id])
    with database.read() as session:
        return job_view(session, job)


def _result(job: Job) -> dict[str, Any] | None:
    """Return the job's result, with the manifest's address below this client's path prefix."""
    if job.result is None or not job.result.get("manifest"):
        return job.result
    return job.result | {"manifest": public_path(job.result["manifest"])}


def job_view(session: Session, job: Job) -> JobView:
    return job_views(session, [job])[0]


def job_views(session: Session, rows: Sequence[Job]) -> list[JobView]:
    """Build the views of the jobs with two queries in all."""
    positions = queue_order.positions(session, rows)
    health = events.health_by_job(session, [job.id for job in rows])
    return [_view(job, positions.get(job.id), health[job.id]) for job in rows]


def _view(job: Job, position: int | None, health: list[dict[str, Any]]) -> JobView:
    return JobView(
        id=job.id,
        kind=JobKind(job.kind),
        queue=Queue(job.queue),
        status=Status(job.status),
        position=position,
        owner=job.owner,
        worker=job.worker,
        model=job.model,
        dataset=job.dataset,
        preset=job.preset,
        resume_from=job.resume_from,
        checkpoint=job.checkpoint,
        config=job.config,
        progress=Progress.model_validate(job.progress),
        health=[HealthData.model_validate(data) for data in health],
        result=_result(job),
        attempt=job.attempt,
        stop_requested=Stop(job.stop_requested) if job.stop_requested else None,
        error=job.error,
        error_facts=read_job_error(job.error_facts),
        room_needed=job.room_needed,
        created_at=to_datetime(job.created_at),
        started_at=to_datetime(job.started_at),
        finished_at=to_datetime(job.finished_at),
    )
