"""What routes ask for by type: settings, database, store, disk, engine, event feeds, step meter.

Those that images need are `async`, though none awaits: FastAPI sends every other through its thread
pool, which costs an image request three hops.
"""

from typing import Annotated

from fastapi import Depends, Query, Request

from app.domain.database import Database
from app.domain.disk import Disk
from app.domain.errors import InvalidRequest
from app.domain.event_feeds import EventFeeds
from app.domain.message_publisher import Courier
from app.domain.pagination import CURSOR
from app.domain.settings import Settings
from app.domain.step_timing import StepMeter
from app.domain.store import ObjectStore
from app.serving.engine import Engine


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _store(request: Request) -> ObjectStore:
    store: ObjectStore = request.app.state.store
    return store


async def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


async def _feeds(request: Request) -> EventFeeds:
    feeds: EventFeeds = request.app.state.feeds
    return feeds


async def _step_meter(request: Request) -> StepMeter:
    meter: StepMeter = request.app.state.step_meter
    return meter


async def _disk(request: Request) -> Disk:
    disk: Disk = request.app.state.disk
    return disk


async def _courier(request: Request) -> Courier:
    courier: Courier = request.app.state.courier
    return courier


def release_reserve(disk: Annotated[Disk, Depends(_disk)]) -> None:
    """For requests that free disk space or keep a job's state: on a full disk they still work."""
    disk.release_reserve()


async def refuse_unknown_parameters(request: Request) -> None:
    """A misspelt query parameter is an error, not a default; so is one that is given twice."""
    dependant = request.scope["route"].dependant
    known = {
        parameter.alias
        for one in (dependant, *dependant.dependencies)
        for parameter in one.query_params
    }
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name not in known:
            offered = ", ".join(sorted(known)) or "none"
            raise InvalidRequest(
                f"query parameter {name!r} is not known here; there are: {offered}", field=name
            )
        if given.count(name) > 1:
            raise InvalidRequest(f"query parameter {name!r} is given more than once", field=name)


SettingsDep = Annotated[Settings, Depends(_settings)]
DatabaseDep = Annotated[Database, Depends(_database)]
StoreDep = Annotated[ObjectStore, Depends(_store)]
EngineDep = Annotated[Engine, Depends(_engine)]
FeedsDep = Annotated[EventFeeds, Depends(_feeds)]
StepMeterDep = Annotated[StepMeter, Depends(_step_meter)]
DiskDep = Annotated[Disk, Depends(_disk)]
CourierDep = Annotated[Courier, Depends(_courier)]

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(
        description="`next` of the page before.",
        json_schema_extra={"pattern": CURSOR.pattern},
    ),
]
