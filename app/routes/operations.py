"""Whether the service is alive and ready, and its metrics."""

from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from app.domain.database import Database
from app.domain.errors import Unavailable
from app.domain.readiness import check_ready
from app.domain.tables import Job
from app.routes.dependencies import DatabaseDep
from app.routes.document import problems

router = APIRouter(tags=["operations"])


@router.get("/", include_in_schema=False)
def root() -> RedirectResponse:
    """The address that `moggy up` prints, opened in a browser, leads to what can be asked."""
    return RedirectResponse("/docs")


@router.get("/healthz")
async def health() -> dict[str, str]:  # in no thread: all may be taken
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses=problems(Unavailable))
def readiness(database: DatabaseDep) -> dict[str, str]:
    """Database, broker and a worker answer; else 503 that names what does not."""
    check_ready(database)
    return {"status": "ready"}


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request) -> Response:
    """Jobs by queue and status, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(JobCollector(request.app.state.database))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class JobCollector(Collector):
    """Counts the jobs when it is asked, so that every replica answers the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("moggy_jobs", "Jobs.", labels=["queue", "status"])
        query = select(Job.queue, Job.status, func.count()).group_by(Job.queue, Job.status)
        with self._database.read() as session:
            for queue, status, count in session.execute(query):
                family.add_metric([queue, status], count)
        yield family
