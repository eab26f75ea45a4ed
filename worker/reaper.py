"""Frees the jobs of silent workers and wakes a worker again for what waits unclaimed."""

import threading
import time
from collections.abc import Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.domain import jobs, leases
from app.domain.cleanup import sweep_incoming, sweep_objects
from app.domain.database import is_unavailable
from app.domain.job_objects import delete_leftovers
from app.domain.job_states import ENDED
from app.domain.queue import wake
from worker.context import WorkerContext
from worker.supervisor import sweep_run_dirs

log = structlog.get_logger()

SWEEP_SECONDS = 3600.0


def start_reaper(context: WorkerContext, queues: Sequence[str]) -> threading.Thread:
    """Reap every `reap_seconds` until the worker stops. Every worker does; it harms nothing."""
    thread = threading.Thread(target=_run, args=(context, queues), name="reaper", daemon=True)
    thread.start()
    return thread


def start_sweeper(context: WorkerContext) -> threading.Thread:
    """Sweep the store and the home at the start and every hour, in a thread of its own: a large
    bucket takes long to list."""
    thread = threading.Thread(target=_sweep, args=(context,), name="sweeper", daemon=True)
    thread.start()
    return thread


def _sweep(context: WorkerContext) -> None:
    while not context.stopping.is_set():
        try:
            sweep_incoming(context.settings.home)
            sweep_objects(context.database, context.store)
        except Exception:
            log.exception("sweep_failed")  # whatever it was, the next one may go well
        context.stopping.wait(SWEEP_SECONDS)


def _run(context: WorkerContext, queues: Sequence[str]) -> None:
    swept = False
    while not context.stopping.is_set():
        try:
            if not swept:
                sweep_run_dirs(context)
                swept = True
            reap(context, queues)
        except SQLAlchemyError as error:
            if not is_unavailable(error):
                log.exception("reap_failed")
            else:
                log.warning("database_away", error=str(getattr(error, "orig", None) or error))
        except Exception:
            log.exception("reap_failed")  # whatever it was, the next round may go well
        context.reaped_at = time.monotonic()
        context.stopping.wait(context.settings.reap_seconds)


def reap(context: WorkerContext, queues: Sequence[str]) -> None:
    """One round: lapsed leases end; where a job waits in an idle queue, its worker is woken."""
    with context.database.write() as session:
        changed = leases.reap(session, context.settings.max_attempts)
    if changed:
        log.warning("jobs_reaped", jobs=[job.id for job in changed])
        context.notifier.notify([job.id for job in changed])
    for job in changed:
        if job.status in ENDED:
            delete_leftovers(context.database, context.store, job)
    context.disk.fill_reserve()
    if context.disk.is_low:
        return  # nothing begins here
    free = context.disk.free_bytes()
    with context.database.read() as session:
        waiting = [queue for queue in queues if jobs.has_queued(session, queue, free)]
    for queue in waiting:
        if context.slots[queue].acquire(blocking=False):
            context.slots[queue].release()
            wake(queue)
