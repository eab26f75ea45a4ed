"""Images per second of a synthesis job, compared with the generator and encoder called in-process.

Runs a job as a worker does: it is claimed from a database, its process is started, and each shard
is stored and listed. One 64×64 generator of width 32 with random weights makes PNGs in each layout.
The in-process rate is measured before and after each job, because the machine may have other work.
The processor time per image is printed too; it hardly depends on other work.
"""

import os
import resource
import time
from collections.abc import Callable
from typing import Any, NamedTuple

# Set before torch is imported, as in the processes of the API.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from app.domain import events, jobs, leases
from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.job_states import Status
from app.domain.settings import Settings
from app.domain.synthesis import LAYOUTS, MIN_IMAGES, queue_synthesis
from app.routes.job_requests import FIELDS
from benchmarks.harness import machine
from benchmarks.harness.api import register_models, temporary_settings
from benchmarks.harness.in_process import threaded_rate
from worker.context import WorkerContext
from worker.supervisor import supervise

JOB_IMAGES = 20_000
IN_PROCESS_SECONDS = 5  # of the in-process rate


class Speed(NamedTuple):
    """Images per second, and processor seconds per image."""

    rate: float
    cost: float


class ResourceUse(NamedTuple):
    """Wall seconds and processor seconds."""

    seconds: float
    cpu: float


def main() -> None:
    """Print each layout's rate beside the in-process one."""
    print(f"machine  {machine.describe()}")
    with temporary_settings() as settings:
        (checkpoint,) = register_models(settings)
        context = WorkerContext.from_settings(settings)
        _, start = synthesize(context, settings, checkpoint, "zip", MIN_IMAGES)
        before = in_process_speed(settings, checkpoint)
        for layout in LAYOUTS:
            rate, used = synthesize(context, settings, checkpoint, layout, JOB_IMAGES)
            cost = (used.cpu - start.cpu) / JOB_IMAGES
            after = in_process_speed(settings, checkpoint)
            between = Speed((before.rate + after.rate) / 2, (before.cost + after.cost) / 2)
            print(
                f"{layout:12} {rate:5.0f} images/s, {rate / between.rate:4.0%} of in-process "
                f"({between.rate:.0f}); by processor time {between.cost / cost:4.0%} "
                f"({cost * 1e6:.0f} µs an image, {between.cost * 1e6:.0f})"
            )
            before = after
        print(f"the start of its process takes {start.seconds:.1f} s, not counted in the rates")
        context.database.close()


def in_process_speed(settings: Settings, checkpoint: GeneratorCheckpoint) -> Speed:
    """The speed from seed to PNG in this process, with one thread per core."""
    rates: list[float] = []
    used = measure(
        resource.RUSAGE_SELF,
        lambda: rates.append(
            threaded_rate(settings, checkpoint, machine.cores(), IN_PROCESS_SECONDS)
        ),
    )
    return Speed(rates[0], used.cpu / (rates[0] * used.seconds))


def synthesize(
    context: WorkerContext,
    settings: Settings,
    checkpoint: GeneratorCheckpoint,
    layout: str,
    images: int,
) -> tuple[float, ResourceUse]:
    """Images per second from the first progress on, and the resources of the whole job."""
    request: dict[str, Any] = dict.fromkeys(FIELDS["synthesize"])
    request |= {"model": checkpoint.model, "images": images, "layout": layout}
    queued = queue_synthesis(context.database, settings, context.store, request, None)
    with context.database.write() as session:
        job = leases.acquire(session, queued.queue, lease_seconds=60, max_attempts=1)
    assert job is not None
    used = measure(resource.RUSAGE_CHILDREN, lambda: supervise(context, job))
    with context.database.read() as session:
        ended = jobs.find(session, job.id)
        first = events.of_type(session, job.id, "progress")[0]
    assert ended.status == Status.SUCCEEDED, ended.error
    assert ended.finished_at is not None
    context.store.delete_prefix(f"jobs/{job.id}")
    return images / (ended.finished_at - first.created_at), used


def measure(who: int, work: Callable[[], object]) -> ResourceUse:
    """The resources that `work` used; `who` is this process or its children, as in getrusage."""
    before, started = resource.getrusage(who), time.perf_counter()
    work()
    after, seconds = resource.getrusage(who), time.perf_counter() - started
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return ResourceUse(seconds, cpu)


if __name__ == "__main__":
    main()
