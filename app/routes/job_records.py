"""What a job leaves behind while it runs: events, metrics, samples."""

import csv
import hashlib
import io
import math
from collections.abc import AsyncIterator
from contextlib import aclosing
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response
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
    refuse_unknown_parameters,
)
from app.routes.job_event_schemas import STREAM_CONTENT, SampleData
from app.routes.middleware.proxies import public_path
from app.routes.openapi import NOT_MODIFIED, file_response
from app.routes.protocol.caching import is_not_modified

router = APIRouter(
    prefix="/jobs/{job_id}", tags=["jobs"], dependencies=[Depends(refuse_unknown_parameters)]
)

MAX_IMAGES_SEEN = 2**53 - 1  # a name of more digits is more than a file can have
CSV: dict[str, Any] = {"text/csv": {"schema": {"type": "string"}}}


class SampleList(BaseModel):
    items: list[SampleData]
    next: None = None


class Metrics(BaseModel):
    """One list per series, all of one length; a value is null where it was not measured."""

    job: str
    series: dict[str, list[float | None]]


def _existing(job_id: str, database: DatabaseDep) -> str:
    """The job's id. Decided before a stream opens: afterwards the answer is 200 already."""
    with database.read() as session:
        return jobs.find(session, job_id).id


ExistingJob = Annotated[str, Depends(_existing)]


def _starting_point(
    job_id: ExistingJob,
    database: DatabaseDep,
    last_event_id: Annotated[str | None, Header()] = None,
) -> int:
    """The id after which the stream begins.

    An id beyond the job's newest event, of another job say, means the newest: what follows comes.
    Where nothing can follow the answer is 204, by which an EventSource stops reconnecting.
    """
    if last_event_id is None or last_event_id == "":
        return 0
    if not last_event_id.isascii() or not last_event_id.isdigit() or len(last_event_id) > 18:
        raise InvalidRequest(
            f"Last-Event-ID {last_event_id[:50]!r} is not an event's id: leave it out for the "
            "stream from its beginning",
            field="Last-Event-ID",
        )
    after = int(last_event_id)
    with database.read() as session:
        over = jobs.find(session, job_id).status in ENDED
        newest = events.newest_id(session, job_id)
    if over and after >= newest:
        raise HTTPException(HTTPStatus.NO_CONTENT)
    return min(after, newest)


@router.get(
    "/events",
    response_class=EventSourceResponse,
    responses={
        200: {"content": STREAM_CONTENT},
        204: {"description": "The job has ended and nothing follows `Last-Event-ID`"},
    },
)
async def stream_job_events(
    job_id: ExistingJob,
    after: Annotated[int, Depends(_starting_point)],
    feeds: FeedsDep,
) -> AsyncIterator[ServerSentEvent]:
    """Every event from the start, or after `Last-Event-ID`, in order; the last one is `end`. A
    client that has it and asks again is answered 204."""
    async with aclosing(feeds.stream(job_id, after)) as stream:
        async for event in stream:
            yield ServerSentEvent(event=event.type, id=str(event.id), data=_public(event.data))


def _public(data: dict[str, Any]) -> dict[str, Any]:
    """An event's data, with the address in it as this client reaches it."""
    return data | {"url": public_path(data["url"])} if "url" in data else data


@router.get("/metrics", response_model=Metrics, responses={200: {"content": CSV}})
def get_job_metrics(
    job_id: ExistingJob, database: DatabaseDep, request: Request
) -> Metrics | Response:
    """The training's series over images_seen; CSV where `Accept` names text/csv."""
    with database.read() as session:
        rows = [event.data for event in events.of_type(session, job_id, "progress")]
    rows = _forget_undone(rows)
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


def _forget_undone(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop what a resume from an older training state, or a rollback, did again."""
    kept: list[dict[str, Any]] = []
    for row in rows:
        seen = row.get("images_seen", math.inf)  # an ingest counts files, and never goes back
        while kept and kept[-1].get("images_seen", 0) >= seen:
            kept.pop()
        kept.append(row)
    return kept


def _csv(names: list[str], rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@router.get("/log", response_class=PlainTextResponse)
def read_job_log(job_id: ExistingJob, store: StoreDep) -> PlainTextResponse:
    """The end of what the job's workers and their child processes wrote about it, attempt after
    attempt, the oldest first; empty before the first attempt. A running job's is at most ten
    seconds old."""
    return PlainTextResponse(read_log(store, job_id), headers={"Cache-Control": "no-cache"})


@router.get("/samples")
def list_job_samples(job_id: ExistingJob, database: DatabaseDep) -> SampleList:
    """The grids of the fixed seeds 0 to 63, oldest first; without those that a rollback undid."""
    with database.read() as session:
        rows = [event.data for event in events.of_type(session, job_id, "sample")]
    return SampleList(
        items=[SampleData.model_validate(_public(row)) for row in _forget_undone(rows)]
    )


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
    # After a rollback another grid has the same name.
    tag = hashlib.sha256(grid).hexdigest()
    headers = {"ETag": f'"{tag}"', "Cache-Control": "no-cache"}
    if is_not_modified(request, headers):
        return Response(status_code=304, headers=headers)
    return Response(grid, media_type="image/png", headers=headers)
