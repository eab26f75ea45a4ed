"""Health, readiness and Prometheus metrics."""

from collections.abc import Iterator

from fastapi import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.domain.errors import Unavailable
from app.domain.readiness import Readiness
from app.routes.openapi import new_router, problems
from app.serving.thread_canary import ThreadCanary

STUCK_SECONDS = 30.0  # without a free thread: longer than any request waits

router = new_router(tags=["operations"])


@router.get("/healthz", operation_id="check_health", responses=problems(Unavailable))
async def health(request: Request) -> dict[str, str]:  # async: all threads may be busy
    """200 while the process and its threads answer; else 503."""
    canary: ThreadCanary = request.app.state.canary
    if canary.waiting_seconds > STUCK_SECONDS:
        raise Unavailable(
            f"no thread of this process was free for {canary.waiting_seconds:.0f} seconds: "
            "its log says why, and a restart frees them"
        )
    return {"status": "ok"}


@router.get("/readyz", operation_id="check_readiness", responses=problems(Unavailable))
async def readiness(request: Request) -> dict[str, str]:
    """200 while the disk has free space and database, broker, object store and a worker answer;
    else 503, which says what is wrong."""
    failure = await _readiness(request).failure()
    if failure is not None:
        raise Unavailable(failure, retry_after=1)
    return {"status": "ready"}


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """The latest numbers of jobs by queue and status, in the text format of Prometheus."""
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
    """A collector that returns the given metrics."""

    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families
