"""What a job records while it runs: events, metrics, its log and samples."""

import csv
import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import aclosing
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Request, Response
from fastapi.responses import PlainTextResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from app.domain import events, jobs
from app.domain.errors import InvalidRequest
from app.domain.job_objects import read_log, read_sample
from app.domain.job_states import ENDED
from app.routes.dependencies import (
    DatabaseDep,
    FeedsDep,
    StoreDep,
    allow_departure,
    refuse_unknown_parameters,
)
from app.routes.job_event_schemas import STREAM_CONTENT, SampleData, public_data
from app.routes.openapi import NOT_MODIFIED, file_response, new_router
from app.routes.protocol.caching import is_not_modified

router = new_router(
    prefix="/v1/jobs/{job_id}", tags=["jobs"], dependencies=[Depends(refuse_unknown_parameters)]
)

MAX_IMAGES_SEEN = 2**53 - 1  # keeps the file name of a sample short
CSV: dict[str, Any] = {"text/csv": {"schema": {"type": "string"}}}


class SampleList(BaseModel):
    items: list[SampleData]
    next: None = None


class Metrics(BaseModel):
    """One list per series, all of the same length; a value that was not measured is null."""

    job: str
    series: dict[str, list[float | None]]


def _existing(job_id: str, database: DatabaseDep) -> str:
    """Return the id, or raise NotFound. Once a stream is open, its status is 200 already."""
    with database.read() as session:
        return jobs.find(session, job_id).id


ExistingJob = Annotated[str, Depends(_existing)]


def _starting_point(
    job_id: ExistingJob,
    database: DatabaseDep,
    last_event_id: Annotated[str | None, Header()] = None,
) -> int:
    """Return the event id after which the stream begins.

    An id beyond the job's newest event, such as one of another job, is replaced by the newest, so
    that later events are sent. If the job has ended and no event follows, the response is 204: then
    an EventSource stops reconnecting.
    """
    if last_event_id is None or last_event_id == "":
        return 0
    if not last_event_id.isascii() or not last_event_id.isdigit() or len(last_event_id) > 18:
        raise InvalidRequest(
            f"Last-Event-ID {last_event_id[:50]!r} is not the id of an event: leave it out to read "
            "the stream from its beginning",
            field="Last-Event-ID",
        )
    after = int(last_event_id)
    with database.read() as session:
        ended = jobs.find(session, job_id).status in ENDED
        newest = events.newest_ids(session, [job_id])[job_id]
    if ended and after >= newest:
        raise HTTPException(HTTPStatus.NO_CONTENT)
    return min(after, newest)


@router.get(
    "/events",
    response_class=EventSourceResponse,
    responses={
        200: {"content": STREAM_CONTENT},
        204: {"description": "The job has ended and nothing follows `Last-Event-ID`"},
    },
    dependencies=[Depends(allow_departure)],
)
async def stream_job_events(
    job_id: ExistingJob,
    after: Annotated[int, Depends(_starting_point)],
    feeds: FeedsDep,
) -> AsyncIterator[ServerSentEvent]:
    """Every event in order, from the first or after `Last-Event-ID`; the last one is `end`. A
    client that reconnects after `end` is answered 204."""
    async with aclosing(feeds.stream(job_id, after)) as stream:
        async for event in stream:
            yield ServerSentEvent(event=event.type, id=str(event.id), data=public_data(event.data))


@router.get("/metrics", response_model=Metrics, responses={200: {"content": CSV}})
def get_job_metrics(
    job_id: ExistingJob, database: DatabaseDep, request: Request
) -> Metrics | Response:
    """The training's metrics by images_seen, as JSON, or as CSV where `Accept` names text/csv."""
    with database.read() as session:
        events_kept = events.without_repeats(events.of_type(session, job_id, "progress"))
    rows = [event.data for event in events_kept]
    names = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if all(_is_number(row.get(name)) for row in rows)
    ]
    if "text/csv" in request.headers.get("accept", ""):
        return Response(_csv(names, rows), media_type="text/csv")
    return Metrics(job=job_id, series={name: [row.get(name) for row in rows] for name in names})


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int | float)


def _csv(names: list[str], rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@router.get("/log", response_class=PlainTextResponse)
def read_job_log(job_id: ExistingJob, store: StoreDep) -> PlainTextResponse:
    """The end of the log that the job's workers and their child processes wrote, the oldest
    attempt first; empty before the first attempt. While the job runs, the log is at most ten
    seconds behind."""
    return PlainTextResponse(read_log(store, job_id), headers={"Cache-Control": "no-cache"})


@router.get("/samples")
def list_job_samples(job_id: ExistingJob, database: DatabaseDep) -> SampleList:
    """The sample grids of seeds 0 to 63, oldest first, without those that a rollback discarded."""
    with database.read() as session:
        drawn = events.without_repeats(events.of_type(session, job_id, "sample"))
    return SampleList(items=[SampleData.model_validate(public_data(event.data)) for event in drawn])


@router.get(
    "/samples/{images_seen}.png",
    response_class=Response,
    responses=file_response("png") | NOT_MODIFIED,
)
def get_job_sample(
    job_id: ExistingJob,
    images_seen: Annotated[int, Path(ge=0, le=MAX_IMAGES_SEEN)],
    request: Request,
    store: StoreDep,
) -> Response:
    grid = read_sample(store, job_id, images_seen)
    # The ETag is a hash, because a rollback replaces grids under the same name.
    digest = hashlib.sha256(grid).hexdigest()
    headers = {"ETag": f'"{digest}"', "Cache-Control": "no-cache"}
    if is_not_modified(request, headers):
        return Response(status_code=304, headers=headers)
    return Response(grid, media_type="image/png", headers=headers)
