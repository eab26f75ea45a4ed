"""Works on one claimed job: starts its child, stores what it makes, and settles how it ended."""

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from app.domain import jobs
from app.domain.job_objects import delete_leftovers
from app.domain.jobs import Claim, Fenced, Status, Stop
from app.domain.tables import Job
from worker.child import Child, describe_exit
from worker.context import WorkerContext
from worker.heartbeat import Heartbeat
from worker.kinds.ingest import Ingest
from worker.kinds.kind import Kind
from worker.kinds.train import Train

log = structlog.get_logger()

KINDS: dict[str, type[Kind]] = {"train": Train, "ingest": Ingest}
POLL_SECONDS = 0.2


def supervise(context: WorkerContext, job: Job) -> None:
    """Run the job to its end, its stop, or the loss of its lease.

    Only a database that does not answer makes it raise; then the lease runs out.
    """
    claim = Claim(job.id, job.epoch)
    run_dir = make_run_dir(context.settings.runs, claim)
    kind = KINDS[job.kind](context, job, run_dir)
    log.info("job_started", job=job.id, kind=job.kind, epoch=job.epoch, attempt=job.attempt)
    try:
        with Heartbeat(context, claim) as heartbeat:
            final, code, last_words = _run(context, kind, heartbeat)
        _settle(context, kind, heartbeat, final, describe_exit(code, last_words))
    except Fenced:
        log.warning("job_fenced", job=job.id, epoch=job.epoch)
    except Exception as error:
        log.exception("job_supervision_failed", job=job.id)
        with suppress(Fenced):
            _settle_crash(context, kind, f"its worker failed: {error}")
    finally:
        shutil.rmtree(run_dir, ignore_errors=True)
        context.notifier.notify([job.id])


def make_run_dir(runs: Path, claim: Claim) -> Path:
    """An empty folder of this epoch; what older epochs of the job left here goes."""
    for left in runs.glob(f"{claim.job_id}-*"):
        shutil.rmtree(left, ignore_errors=True)
    run_dir = runs / f"{claim.job_id}-{claim.epoch}"
    run_dir.mkdir(parents=True)
    return run_dir


def _run(
    context: WorkerContext, kind: Kind, heartbeat: Heartbeat
) -> tuple[dict[str, Any] | None, int, str]:
    """The child's last event if it was a final one, its exit code, its last log line."""
    kind.prepare()
    child = Child(kind.module, kind.run_dir)
    final: dict[str, Any] | None = None
    kill_at: float | None = None
    try:
        while not child.ended:
            event = child.next_event(POLL_SECONDS)
            if event is not None:
                if event["event"] in ("finished", "stopped", "failed"):
                    final = event
                else:
                    _handle(kind, heartbeat, event)
            if heartbeat.fenced:
                raise Fenced(kind.job.id)
            if kill_at is None and (heartbeat.stop_requested or context.stopping.is_set()):
                child.terminate()
                kill_at = time.monotonic() + context.settings.stop_grace_seconds
            elif kill_at is not None and time.monotonic() > kill_at:
                child.kill()
    finally:
        code = child.close()
    return final, code, child.last_words()


def _handle(kind: Kind, heartbeat: Heartbeat, event: dict[str, Any]) -> None:
    if heartbeat.stop_requested is Stop.CANCEL:
        return  # nothing that is made now will be asked for
    if event["event"] == "progress":
        heartbeat.progress = kind.progress(event)
    kind.handle(event)


def _settle(
    context: WorkerContext,
    kind: Kind,
    heartbeat: Heartbeat,
    final: dict[str, Any] | None,
    exit_sentence: str,
) -> None:
    outcome = final["event"] if final else None
    if heartbeat.stop_requested is Stop.CANCEL:
        _end(context, kind, Status.CANCELLED)
    elif outcome == "finished" and final is not None:
        kind.conclude()
        with context.database.write() as session:
            jobs.beat(session, kind.claim, context.settings.lease_seconds, heartbeat.progress)
            kind.commit(session, final)
            jobs.end(session, kind.claim, Status.SUCCEEDED)
        delete_leftovers(context.database, context.store, kind.job)
    elif outcome == "failed" and final is not None:
        _end(context, kind, Status.FAILED, str(final["error"]))
    elif heartbeat.stop_requested is Stop.PAUSE:
        with context.database.write() as session:
            jobs.pause(session, kind.claim)
    elif context.stopping.is_set():
        with context.database.write() as session:
            jobs.give_back(session, kind.claim)
    else:
        _settle_crash(context, kind, exit_sentence)
    log.info("job_left", job=kind.job.id, outcome=outcome or exit_sentence)


def _settle_crash(context: WorkerContext, kind: Kind, sentence: str) -> None:
    """Try again from the last training state, up to the cap."""
    with context.database.write() as session:
        jobs.hold(session, kind.claim)
        attempt = jobs.find(session, kind.job.id).attempt
        if attempt < context.settings.max_attempts:
            log.warning("job_crashed", job=kind.job.id, attempt=attempt, reason=sentence)
            jobs.give_back(session, kind.claim, keep_attempt=True)
            return
    _end(context, kind, Status.FAILED, f"{sentence}, at the last of {attempt} attempts")


def _end(context: WorkerContext, kind: Kind, status: Status, error: str | None = None) -> None:
    with context.database.write() as session:
        jobs.end(session, kind.claim, status, error)
    delete_leftovers(context.database, context.store, kind.job)


def sweep_run_dirs(context: WorkerContext) -> None:
    """Delete the run folders that killed workers left: of jobs that run elsewhere or nowhere."""
    if not context.settings.runs.is_dir():
        return
    for run_dir in os.scandir(context.settings.runs):
        job_id, _, epoch = run_dir.name.rpartition("-")
        with context.database.read() as session:
            job = session.scalar(jobs.select_running(job_id))
        if job is None or str(job.epoch) != epoch:
            shutil.rmtree(run_dir.path, ignore_errors=True)
