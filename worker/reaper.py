"""Frees the jobs of silent workers and wakes a worker again for what waits unclaimed."""

import threading

import structlog

from app.domain import jobs, leases
from app.domain.job_objects import delete_leftovers
from app.domain.job_states import ENDED
from app.domain.queue import wake
from worker.context import WorkerContext
from worker.supervisor import sweep_run_dirs

log = structlog.get_logger()


def start_reaper(context: WorkerContext, queue: str) -> threading.Thread:
    """Reap every `reap_seconds` until the worker stops. Every worker does; it harms nothing."""
    thread = threading.Thread(target=_run, args=(context, queue), name="reaper", daemon=True)
    thread.start()
    return thread


def _run(context: WorkerContext, queue: str) -> None:
    swept = False
    while not context.stopping.is_set():
        try:
            if not swept:
                sweep_run_dirs(context)
                swept = True
            reap(context, queue)
        except Exception:
            log.exception("reap_failed")  # whatever it was, the next round may go well
        context.stopping.wait(context.settings.reap_seconds)


def reap(context: WorkerContext, queue: str) -> None:
    """One round: lapsed leases end, and an idle worker with waiting jobs is woken."""
    with context.database.write() as session:
        changed = leases.reap(session, context.settings.max_attempts)
    if changed:
        log.warning("jobs_reaped", jobs=[job.id for job in changed])
        context.notifier.notify([job.id for job in changed])
    for job in changed:
        if job.status in ENDED:
            delete_leftovers(context.database, context.store, job)
    with context.database.read() as session:
        waiting = jobs.waiting(session, queue)
    if waiting and not context.busy.locked():
        wake(queue)
