"""FastAPI dependencies: the process-wide objects of `app.state`, query parameters, checks.

Dependencies of image routes are `async` although they await nothing: FastAPI runs all others in its
thread pool, which costs an image request a switch of threads per dependency.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any, get_args, get_origin

from anyio import BrokenResourceError
from fastapi import Depends, Query, Request

from app.domain.database import Database
from app.domain.disk import Disk
from app.domain.errors import InvalidRequest
from app.domain.event_feeds import EventFeeds
from app.domain.message_publisher import MessagePublisher
from app.domain.pagination import CURSOR
from app.domain.settings import Settings
from app.domain.step_timing import StepMeter
from app.domain.store import ObjectStore
from app.serving.checkpoint_exports import CheckpointExports
from app.serving.engine import Engine


def _from_state(name: str) -> Any:
    """Depend on `app.state.NAME`."""

    async def read(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(read)


SettingsDep = Annotated[Settings, _from_state("settings")]
DatabaseDep = Annotated[Database, _from_state("database")]
StoreDep = Annotated[ObjectStore, _from_state("store")]
EngineDep = Annotated[Engine, _from_state("engine")]
ExportsDep = Annotated[CheckpointExports, _from_state("exports")]
FeedsDep = Annotated[EventFeeds, _from_state("feeds")]
StepMeterDep = Annotated[StepMeter, _from_state("step_meter")]
DiskDep = Annotated[Disk, _from_state("disk")]
PublisherDep = Annotated[MessagePublisher, _from_state("publisher")]

Limit = Annotated[int, Query(ge=1, le=500, description="The greatest number of items in a page.")]
Cursor = Annotated[
    str | None,
    Query(
        description="`next` of the previous page.",
        json_schema_extra={"pattern": CURSOR.pattern},
    ),
]


def release_reserve(disk: DiskDep) -> None:
    """Free the reserved disk space, so that requests that free space work on a full disk."""
    disk.release_reserve()


async def allow_departure() -> AsyncIterator[None]:
    """Let the client of an event stream leave at any moment.

    FastAPI closes its queue before it cancels the task that fills it, whose error is no fault.
    """
    try:
        yield
    except* BrokenResourceError:
        pass


async def refuse_unknown_parameters(request: Request) -> None:
    """Raise InvalidRequest for a query parameter that is unknown, or is no list and given twice."""
    dependant = request.scope["route"].dependant
    known = {
        parameter.alias: _is_list(parameter.field_info.annotation)
        for callee in (dependant, *dependant.dependencies)
        for parameter in callee.query_params
    }
    sent_names = [name for name, _ in request.query_params.multi_items()]
    for name in sent_names:
        if name not in known:
            names = ", ".join(sorted(known)) or "none"
            raise InvalidRequest(
                f"query parameter {name!r} is not known here; known are: {names}", field=name
            )
        if sent_names.count(name) > 1 and not known[name]:
            raise InvalidRequest(f"query parameter {name!r} is given more than once", field=name)


def _is_list(annotation: Any) -> bool:
    """Whether the type is a list, or a union with one."""
    return list in (get_origin(kind) for kind in (annotation, *get_args(annotation)))
