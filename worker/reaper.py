"""Background threads of a worker: requeue the jobs of dead workers, and delete leftovers."""

import os
import shutil
import threading
import time
from collections.abc import Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.domain import jobs, leases
from app.domain.cleanup import sweep_incoming, sweep_objects
from app.domain.database import is_unavailable
from app.domain.derived_files import derive_served
from app.domain.job_objects import delete_leftovers
from app.domain.job_states import ENDED
from app.domain.queue import Queue, wake
from worker.context import WorkerContext

log = structlog.get_logger()

SWEEP_SECONDS = 3600.0


def start_reaper(context: WorkerContext, queues: Sequence[str]) -> threading.Thread:
    """Reap every `reap_seconds` until the worker stops. Several workers may do so at once."""
    thread = threading.Thread(
        target=_reap_regularly, args=(context, queues), name="reaper", daemon=True
    )
    thread.start()
    return thread


def start_sweeper(context: WorkerContext) -> threading.Thread:
    """Sweep the store and the home at the start and every hour.

    This has a thread of its own, because listing a large bucket takes long.
    """
    thread = threading.Thread(target=_sweep_regularly, args=(context,), name="sweeper", daemon=True)
    thread.start()
    return thread


def _sweep_regularly(context: WorkerContext) -> None:
    while not context.stopping.is_set():
        try:
            sweep_incoming(context.settings.home)
            sweep_objects(context.database, context.store)
        except Exception:
            log.exception("sweep_failed")  # the next sweep may succeed
        context.stopping.wait(SWEEP_SECONDS)


def _reap_regularly(context: WorkerContext, queues: Sequence[str]) -> None:
    has_swept = False
    while not context.stopping.is_set():
        try:
            if not has_swept:
                sweep_run_dirs(context)
                has_swept = True
            reap(context, queues)
        except SQLAlchemyError as error:
            if not is_unavailable(error):
                log.exception("reap_failed")
            else:
                log.warning(
                    "database_unavailable", error=str(getattr(error, "orig", None) or error)
                )
        except Exception:
            log.exception("reap_failed")  # the next round may succeed
        context.reaped_at = time.monotonic()
        context.stopping.wait(context.settings.reap_seconds)


def reap(context: WorkerContext, queues: Sequence[str]) -> None:
    """End expired leases, and wake a worker for each idle queue in which a job waits."""
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
        return  # this worker starts no job
    if Queue.LIGHT in queues:
        derive_served(context.database, context.settings)
    free = context.disk.free_bytes()
    with context.database.read() as session:
        waiting = [queue for queue in queues if jobs.has_queued(session, queue, free)]
    for queue in waiting:
        if context.slots[queue].acquire(blocking=False):
            context.slots[queue].release()
            wake(queue)


def sweep_run_dirs(context: WorkerContext) -> None:
    """Delete the run folders of killed workers: those of an epoch in which no job runs."""
    if not context.settings.runs.is_dir():
        return
    for run_dir in os.scandir(context.settings.runs):
        job_id, _, epoch = run_dir.name.rpartition("-")
        with context.database.read() as session:
            job = session.scalar(jobs.select_running(job_id))
        if job is None or str(job.epoch) != epoch:
            shutil.rmtree(run_dir.path, ignore_errors=True)
