"""Frees the jobs of silent workers and wakes a worker again for what waits unclaimed."""

import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.domain import jobs
from app.domain.queue import wake
from worker.context import WorkerContext

log = structlog.get_logger()


def start_reaper(context: WorkerContext, queue: str) -> threading.Thread:
    """Reap every `reap_seconds` until the worker stops. Every worker does; it harms nothing."""
    thread = threading.Thread(target=_run, args=(context, queue), name="reaper", daemon=True)
    thread.start()
    return thread


def _run(context: WorkerContext, queue: str) -> None:
    while not context.stopping.is_set():
        try:
            reap(context, queue)
        except SQLAlchemyError as error:
            log.warning("reap_failed", error=str(error))
        context.stopping.wait(context.settings.reap_seconds)


def reap(context: WorkerContext, queue: str) -> None:
    """One round: lapsed leases end, and an idle worker with waiting jobs is woken."""
    with context.database.write() as session:
        changed = jobs.reap(session, context.settings.max_attempts)
    if changed:
        log.warning("jobs_reaped", jobs=changed)
        context.notifier.notify(changed)
    with context.database.read() as session:
        waiting = jobs.waiting(session, queue)
    if waiting and not context.busy.locked():
        wake(queue)
