"""The API process: `uvicorn app.main:create_app --factory`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI

from app.domain.cleanup import sweep_incoming
from app.domain.database import Database, check_schema
from app.domain.disk import Disk
from app.domain.event_feeds import EventFeeds
from app.domain.message_publisher import MessagePublisher
from app.domain.processes import configure_logs, settings_or_exit
from app.domain.queue import set_broker
from app.domain.readiness import Readiness
from app.domain.remote_step_timing import WorkerMeter
from app.domain.settings import Settings
from app.domain.starter import queue_starter
from app.domain.step_timing import StepMeter
from app.domain.store import ObjectStore
from app.routes import (
    blends,
    datasets,
    directions,
    events,
    exports,
    feature_maps,
    image_batches,
    images,
    imports,
    interpolations,
    job_files,
    job_records,
    jobs,
    latent_files,
    latents,
    models,
    openapi,
    operations,
    playground,
    presets,
    projections,
    recipes,
    search,
    studio,
    taught_directions,
    timelapses,
    uploads,
)
from app.routes.fast_images import FastImageApi
from app.routes.middleware.body_limit import BodyLimit
from app.routes.middleware.compression import Compression
from app.routes.middleware.head import HeadAsGet
from app.routes.middleware.security import AccessGuard
from app.routes.protocol.problems import install_problems
from app.serving.checkpoint_exports import CheckpointExports
from app.serving.connections import ON_SHUTDOWN
from app.serving.engine import Engine
from app.serving.process_settings import (
    collect_garbage_rarely,
    raise_open_files_limit,
    release_freed_memory_often,
    switch_threads_often,
)
from app.serving.sample_indexes import SampleIndexes
from app.serving.thread_canary import ThreadCanary
from models.resources import share_freed_memory, usable_cores

log = structlog.get_logger()

STORE_RETRY_SECONDS = 10.0  # how long a request retries a bucket that does not answer

ROUTERS = (
    operations,
    openapi,
    studio,
    datasets,
    uploads,
    presets,
    jobs,
    job_records,
    job_files,
    events,
    timelapses,
    images,
    image_batches,
    interpolations,
    blends,
    feature_maps,
    projections,
    latents,
    latent_files,
    recipes,
    directions,
    taught_directions,
    search,
    models,
    imports,
    exports,
    playground,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the API for `settings`, by default those of the environment.

    Settings from the environment are checked together with the home and the database's schema. If
    the API cannot run with them, the process exits with one line that says why.
    """
    configure_logs()
    share_freed_memory(arenas=usable_cores())
    settings = settings or settings_or_exit(Settings, check_schema)
    if settings.api_keys:
        names = [key.name for key in settings.api_keys if key.name is not None]
        without_name = len(settings.api_keys) - len(names)
        log.info("api_keys", owners=",".join(names), without_name=without_name)
    set_broker(settings.redis_url)
    api = FastImageApi(
        settings,
        title="Moggy",
        version=version("moggy"),
        lifespan=_lifespan,
        routes=[route for module in ROUTERS for route in module.router.routes],
        openapi_url=None,  # app.routes.openapi serves the document, app.routes.studio its page
    )
    install_problems(api)
    api.add_middleware(Compression)
    openapi.install_document(api, keyed=bool(settings.api_keys))
    api.add_middleware(HeadAsGet)
    api.add_middleware(BodyLimit, settings=settings)
    api.add_middleware(AccessGuard, settings=settings)
    return api


@asynccontextmanager
async def _lifespan(api: FastAPI) -> AsyncIterator[dict[str, Any]]:
    settings: Settings = api.state.settings
    api.state.database = Database(settings.database, settings.database_connections)
    api.state.store = ObjectStore(settings, STORE_RETRY_SECONDS)
    api.state.publisher = MessagePublisher(settings.redis_url)
    api.state.disk = Disk(settings)
    api.state.feeds = EventFeeds(api.state.database, settings.redis_url)
    api.state.engine = Engine(settings, api.state.store)
    api.state.exports = CheckpointExports(api.state.database, settings, api.state.publisher)
    api.state.indexes = SampleIndexes(
        api.state.database, settings, api.state.store, api.state.publisher
    )
    measure = WorkerMeter(settings.redis_url).measure if settings.redis_url else None
    api.state.step_meter = StepMeter(measure_remotely=measure)
    api.state.large_json_parsing = CapacityLimiter(1)
    api.state.film_encoding = CapacityLimiter(1)
    api.state.picture_decoding = CapacityLimiter(1)
    api.state.readiness = Readiness(api.state.database, api.state.store, api.state.disk)
    api.state.canary = ThreadCanary()
    api.state.feeds.start()
    api.state.readiness.start()
    api.state.canary.start()
    await to_thread.run_sync(sweep_incoming, settings.home)
    await to_thread.run_sync(_import_starter, api)
    collect_garbage_rarely()
    raise_open_files_limit()
    switch_threads_often()
    releases = asyncio.create_task(release_freed_memory_often())
    try:
        yield {ON_SHUTDOWN: api.state.feeds.end_streams}
    finally:
        releases.cancel()
        api.state.canary.stop()
        await api.state.feeds.close()
        api.state.engine.close()
        api.state.readiness.stop()
        api.state.publisher.close()
        api.state.database.close()


def _import_starter(api: FastAPI) -> None:
    job = queue_starter(api.state.database, api.state.store, api.state.settings)
    if job is not None:
        api.state.publisher.wake(job.queue)
