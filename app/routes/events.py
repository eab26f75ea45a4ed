"""The events of several jobs in one stream, for a page that shows many of them."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Annotated, Literal, NamedTuple

from fastapi import Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy import select
from starlette.exceptions import HTTPException

from app.domain import events
from app.domain.errors import InvalidRequest, NotFound
from app.domain.job_states import ENDED
from app.domain.tables import Job
from app.routes.dependencies import (
    DatabaseDep,
    FeedsDep,
    allow_departure,
    refuse_unknown_parameters,
)
from app.routes.job_event_schemas import MERGED_STREAM_CONTENT, public_data
from app.routes.openapi import new_router, problems

router = new_router(
    prefix="/v1/events", tags=["jobs"], dependencies=[Depends(refuse_unknown_parameters)]
)

MAX_JOBS = 50  # the positions of so many jobs, in every event's id, are shorter than 2 kB
SEPARATOR = ","
POSITION = re.compile(r"([0-9a-f]{1,32}):([0-9]{1,18})", re.ASCII)


class Start(NamedTuple):
    """The id of the event after which each job's events begin, and the jobs that have some."""

    positions: dict[str, int]
    open_jobs: list[str]


def _starting_points(
    database: DatabaseDep,
    jobs: Annotated[
        str,
        Query(
            description=f"The ids of 1 to {MAX_JOBS} jobs, separated by commas.",
            examples=["581167457ef5a03a,770c968a591743a2"],
            max_length=40 * MAX_JOBS,
        ),
    ],
    start: Annotated[
        Literal["first", "next"],
        Query(
            alias="from",
            description="Where the stream begins for a job that `Last-Event-ID` does not name: at "
            "its `first` event, or with the `next` that occurs.",
        ),
    ] = "first",
    last_event_id: Annotated[str | None, Header()] = None,
) -> Start:
    """Return where the stream begins.

    If all jobs have ended and no event follows, the response is 204, as for a single job.
    """
    ids = list(dict.fromkeys(filter(None, jobs.split(SEPARATOR))))
    if not 1 <= len(ids) <= MAX_JOBS:
        raise InvalidRequest(
            f"jobs names {len(ids)} jobs: it takes the ids of 1 to {MAX_JOBS}, separated by commas",
            field="jobs",
        )
    known = _parse_positions(last_event_id or "")
    with database.read() as session:
        found = session.scalars(select(Job).where(Job.id.in_(ids)))
        status = {job.id: job.status for job in found}
        for job in ids:
            if job not in status:
                raise NotFound(f"there is no job {job!r}")
        newest = events.newest_ids(session, ids)
    default = newest if start == "next" else dict.fromkeys(ids, 0)
    after = {job: min(known.get(job, default[job]), newest[job]) for job in ids}
    open_jobs = [job for job in ids if status[job] not in ENDED or after[job] < newest[job]]
    if not open_jobs:
        raise HTTPException(HTTPStatus.NO_CONTENT)
    return Start(after, open_jobs)


def _parse_positions(last_event_id: str) -> dict[str, int]:
    positions: dict[str, int] = {}
    for part in filter(None, last_event_id.split(SEPARATOR)):
        match = POSITION.fullmatch(part)
        if match is None:
            raise InvalidRequest(
                f"{part[:50]!r} in Last-Event-ID is not JOB:EVENT: send the id of an event of this "
                "stream, or leave it out",
                field="Last-Event-ID",
            )
        positions[match[1]] = int(match[2])
    return positions


def _format_positions(positions: Mapping[str, int]) -> str:
    return SEPARATOR.join(f"{job}:{event}" for job, event in positions.items())


@router.get(
    "",
    response_class=EventSourceResponse,
    responses={
        200: {"content": MERGED_STREAM_CONTENT},
        204: {"description": "All jobs have ended and nothing follows `Last-Event-ID`"},
        **problems(NotFound),
    },
    dependencies=[Depends(allow_departure)],
)
async def stream_events(
    start: Annotated[Start, Depends(_starting_points)], feeds: FeedsDep
) -> AsyncIterator[ServerSentEvent]:
    """The events of several jobs in one stream, each job's in order.

    `data` is `{"job": …, "data": …}`: the job's id, and the data that its own stream has. The id of
    an event holds the position of every job; sent as `Last-Event-ID`, it continues all of them. The
    stream begins with such an id alone, so that nothing is lost if it breaks before the first
    event. It ends after the `end` of the last job.
    """
    positions = dict(start.positions)
    yield ServerSentEvent(id=_format_positions(positions))
    after = {job: positions[job] for job in start.open_jobs}
    async with aclosing(feeds.stream_many(after)) as stream:
        async for event in stream:
            positions[event.job] = event.id
            data = {"job": event.job, "data": public_data(event.data)}
            yield ServerSentEvent(event=event.type, id=_format_positions(positions), data=data)
