"""Whether the service is alive and ready, and its metrics."""

from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.domain.errors import Unavailable
from app.domain.readiness import Readiness
from app.routes.openapi import problems
from app.serving.process_settings import ThreadCanary

STUCK_SECONDS = 30.0  # for which no thread is free: longer than every wait of a request

router = APIRouter(tags=["operations"])


@router.get("/", include_in_schema=False)
async def root() -> RedirectResponse:
    """The address that `moggy up` prints, opened in a browser, leads to what can be asked."""
    return RedirectResponse("/docs")


@router.get("/healthz", operation_id="check_health", responses=problems(Unavailable))
async def health(request: Request) -> dict[str, str]:  # in no thread: all may be taken
    """The process answers, and its threads do; else 503."""
    canary: ThreadCanary = request.app.state.canary
    if canary.waiting_seconds > STUCK_SECONDS:
        raise Unavailable(
            f"no thread of this process was free for {canary.waiting_seconds:.0f} seconds: "
            "its log says what fails, and a restart frees them"
        )
    return {"status": "ok"}


@router.get("/readyz", operation_id="check_readiness", responses=problems(Unavailable))
async def readiness(request: Request) -> dict[str, str]:
    """The disk has room; database, broker, a worker and the object store answer. Else 503 that
    says what is wrong."""
    failure = await _readiness(request).failure()
    if failure is not None:
        raise Unavailable(failure, retry_after=1)
    return {"status": "ready"}


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Jobs by queue and status, as they were counted last, in Prometheus' text format."""
    family = GaugeMetricFamily("moggy_jobs", "Jobs.", labels=["queue", "status"])
    for (queue, status), count in (await _readiness(request).job_counts()).items():
        family.add_metric([queue, status], count)
    registry = CollectorRegistry()
    registry.register(_Collected(family))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _readiness(request: Request) -> Readiness:
    readiness: Readiness = request.app.state.readiness
    return readiness


class _Collected(Collector):
    """Metrics that are there already."""

    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families
