"""The Celery worker: a thin shell that claims jobs while there are any.

Started as `celery -A worker.tasks worker -Q train -P threads -c 1`, with a thread for each queue
that it serves. A thread only waits on a child process, nothing is forked, and the main thread goes
on answering the broker.
"""

import functools
from typing import Any

import structlog
from celery.signals import worker_ready, worker_shutting_down

from app.domain import jobs, leases
from app.domain.logs import configure_logs
from app.domain.queue import WORK, celery
from app.domain.settings import Settings
from worker.context import WorkerContext
from worker.reaper import start_reaper
from worker.supervisor import supervise

log = structlog.get_logger()


@functools.cache
def context() -> WorkerContext:
    """This process's context, built at first use."""
    return WorkerContext.from_settings(Settings())


@celery.task(name=WORK)  # type: ignore[untyped-decorator]  # Celery ships no types
def work(queue: str) -> None:
    """Do the jobs of `queue`, oldest first, until none waits; one at a time, however often woken.

    A call that comes while another works ends at once, and takes no thread from another queue. What
    it came for, the other finds: it looks once more after it is no longer busy.
    """
    worker = context()
    waiting = True
    while waiting and not worker.stopping.is_set() and worker.busy[queue].acquire(blocking=False):
        try:
            _work_off(worker, queue)
        finally:
            worker.busy[queue].release()
        with worker.database.read() as session:
            waiting = jobs.waiting(session, queue)


def _work_off(worker: WorkerContext, queue: str) -> None:
    settings = worker.settings
    while not worker.stopping.is_set():
        with worker.database.write() as session:
            job = leases.claim(session, queue, settings.lease_seconds, settings.max_attempts)
        if job is None:
            return
        worker.notifier.notify([job.id])
        supervise(worker, job)


@worker_ready.connect  # type: ignore[untyped-decorator]
def _on_ready(sender: Any, **_: Any) -> None:
    configure_logs()
    start_reaper(context(), [queue.name for queue in sender.task_consumer.queues])


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _on_shutting_down(**_: Any) -> None:
    context().stopping.set()
