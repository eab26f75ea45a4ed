"""The Celery worker: claims jobs of its queues until none waits.

It is started as `celery -A worker.tasks worker -Q train -P threads -c 1`, with as many threads as
its queues have slots (`CONCURRENT_JOBS`). A thread only waits for a child process. Nothing is
forked, and the main thread stays free to answer the broker.
"""

import functools
import gc
import socket
from typing import Any

import structlog
from celery.signals import setup_logging, worker_init, worker_ready, worker_shutting_down
from sqlalchemy.exc import SQLAlchemyError

from app.domain import jobs, leases
from app.domain.database import check_schema, is_unavailable
from app.domain.processes import configure_logs, format_library_logs, settings_or_exit
from app.domain.queue import WORK_TASK, Queue, celery
from app.domain.remote_step_timing import start_answering
from app.domain.settings import WorkerSettings
from worker.context import WorkerContext
from worker.reaper import start_reaper, start_sweeper
from worker.supervisor import supervise

log = structlog.get_logger()

HEARTBEAT_FILE_SECONDS = 5.0


@functools.cache
def context() -> WorkerContext:
    """The context of this process, built at first use."""
    return WorkerContext.from_settings(WorkerSettings())


@celery.task(name=WORK_TASK)  # type: ignore[untyped-decorator]  # Celery ships no types
def work(queue: str) -> None:
    """Run the jobs of `queue`, oldest first, until none waits.

    Each slot of the queue lets one call run jobs. A call that finds no free slot ends at once, and
    takes no thread from other queues. No job is missed: a call looks for waiting jobs once more
    after it has released its slot.
    """
    worker = context()
    try:
        _run_waiting_jobs(worker, queue)
    except SQLAlchemyError as error:
        if not is_unavailable(error):
            raise
        # The jobs stay in the database. When it answers again, the reaper wakes a worker.
        log.warning(
            "database_unavailable", queue=queue, error=str(getattr(error, "orig", None) or error)
        )


def _run_waiting_jobs(worker: WorkerContext, queue: str) -> None:
    waiting = True
    while waiting and not worker.stopping.is_set() and worker.slots[queue].acquire(blocking=False):
        try:
            _run_queue(worker, queue)
        finally:
            worker.slots[queue].release()
        free = worker.disk.free_bytes()
        with worker.database.read() as session:
            waiting = not worker.disk.is_low and jobs.has_queued(session, queue, free)


def _run_queue(worker: WorkerContext, queue: str) -> None:
    settings = worker.settings
    while not worker.stopping.is_set() and not worker.disk.is_low:
        free = worker.disk.free_bytes()
        with worker.database.write() as session:
            job = leases.acquire(
                session,
                queue,
                settings.lease_seconds,
                settings.max_attempts,
                free,
                socket.gethostname(),
            )
        if job is None:
            return
        worker.notifier.notify([job.id])
        supervise(worker, job)


@setup_logging.connect  # type: ignore[untyped-decorator]
def _on_setup_logging(**_: Any) -> None:
    """Celery configures no logging of its own if this signal has a receiver."""
    configure_logs()
    format_library_logs()


@worker_init.connect  # type: ignore[untyped-decorator]
def _on_init(**_: Any) -> None:
    gc.enable()  # `app.up.run_without_gc` starts the process without it
    settings_or_exit(WorkerSettings, check_schema)


@worker_ready.connect  # type: ignore[untyped-decorator]
def _on_ready(sender: Any, **_: Any) -> None:
    worker = context()
    queues = [queue.name for queue in sender.task_consumer.queues]
    start_reaper(worker, queues)
    start_sweeper(worker)
    if Queue.TRAIN in queues and worker.settings.redis_url is not None:
        start_answering(worker.settings.redis_url, worker.stopping)
    if worker.settings.heartbeat_file is not None:
        # The main loop runs this timer, so a stale file also reveals a main loop that hangs.
        sender.timer.call_repeatedly(HEARTBEAT_FILE_SECONDS, worker.touch_heartbeat_file)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _on_shutting_down(**_: Any) -> None:
    context().stopping.set()
