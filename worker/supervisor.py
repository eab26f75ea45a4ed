"""Works on one claimed job: starts its child, stores what it makes, and settles how it ended."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.orm import Session

from app.domain import jobs, leases
from app.domain.disk import is_disk_full
from app.domain.job_objects import delete_leftovers
from app.domain.job_states import Status, Stop
from app.domain.leases import Claim, Fenced
from app.domain.store import ObjectStore
from app.domain.tables import Job
from models.durable_files import needed_bytes
from worker.child import Child
from worker.context import WorkerContext
from worker.heartbeat import Heartbeat
from worker.job_log import JobLog
from worker.kinds.evaluate import Evaluate
from worker.kinds.ingest import Ingest
from worker.kinds.kind import Kind
from worker.kinds.synthesize import Synthesize
from worker.kinds.train import Train

log = structlog.get_logger()

KINDS: dict[str, type[Kind]] = {
    "train": Train,
    "ingest": Ingest,
    "evaluate": Evaluate,
    "synthesize": Synthesize,
}
FINAL_EVENTS = ("finished", "stopped", "failed", "no_room")
ENDINGS = {
    "finished": "finished",
    "stopped": "stopped",
    "failed": "failed",
    "no_room": "stopped for want of disk space",
    "crashed": "crashed",
}
POLL_SECONDS = 0.2
DISK_SECONDS = 1.0  # between two looks at the free space


@dataclass(frozen=True)
class Outcome:
    """How a child ended: by its last event, or where there was none, by its exit."""

    event: dict[str, Any]  # {"event": "finished" | … | "no_room" | "crashed", …}
    stop: Stop | None  # what the job's user had asked for by then
    disk_low: bool = False  # its child was stopped for it, or crashed by it

    @property
    def name(self) -> str:
        return str(self.event["event"])

    def describe(self) -> str:
        """A line for the job's log."""
        reason = f": {self.event['error']}" if self.event.get("error") else ""
        asked = f", as its user asked ({self.stop})" if self.stop else ""
        low = ", with the disk full" if self.disk_low else ""
        return f"the child process has {ENDINGS[self.name]}{asked}{low}{reason}"


def supervise(context: WorkerContext, job: Job) -> None:
    """Run the job to its end, its stop, or the loss of its lease.

    Only a database that does not answer makes it raise; then the lease runs out.
    """
    log.info("job_started", job=job.id, kind=job.kind, epoch=job.epoch, attempt=job.attempt)
    claim = Claim(job.id, job.epoch)
    run_dir = context.settings.runs / f"{claim.job_id}-{claim.epoch}"
    kind = KINDS[job.kind](context, job, run_dir)
    job_log = JobLog(context.store, claim, run_dir)
    try:
        with Heartbeat(context, claim) as heartbeat:
            outcome = _run(context, kind, heartbeat, job_log)
            job_log.say(outcome.describe())
            job_log.store()  # before the job has ended: who waits for the end finds it whole
            _settle(context, kind, outcome)
        log.info("job_left", job=job.id, outcome=outcome.name)
    except Fenced:
        log.warning("job_fenced", job=job.id, epoch=job.epoch)
        job_log.say("the lease was lost: another worker has taken the job over")
        job_log.store()
    except Exception as error:
        log.exception("job_supervision_failed", job=job.id)
        job_log.say(f"the worker failed: {type(error).__name__}: {error}")
        job_log.store()
        _settle_failure(context, kind, error)
    finally:
        shutil.rmtree(run_dir, ignore_errors=True)
        context.notifier.notify([job.id])


def _run(context: WorkerContext, kind: Kind, heartbeat: Heartbeat, job_log: JobLog) -> Outcome:
    """Run the child to its end, storing what its events name."""
    make_run_dir(context.store, kind.run_dir, kind.claim)
    job_log.say(f"{kind.job.kind} begins, attempt {kind.job.attempt} (epoch {kind.claim.epoch})")
    kind.prepare()
    child = Child(kind.module, kind.run_dir, kind.processes)
    final: dict[str, Any] | None = None
    kill_at: float | None = None
    disk_low, look_at = False, time.monotonic() + DISK_SECONDS
    heard_at = time.monotonic()
    try:
        while not child.ended:
            event = child.next_event(POLL_SECONDS)
            if event is not None:
                heard_at = time.monotonic()
            if event is not None and event["event"] in FINAL_EVENTS:
                final = event
            elif event is not None and heartbeat.stop_requested is not Stop.CANCEL:
                kind.handle(event)
            job_log.store_now_and_then()
            if heartbeat.fenced:
                raise Fenced(kind.job.id)
            if time.monotonic() >= look_at:
                disk_low, look_at = disk_low or context.disk.is_low, time.monotonic() + DISK_SECONDS
            stopping = disk_low or context.stopping.is_set()
            if kill_at is None and (heartbeat.stop_requested or stopping):
                child.terminate()
                kill_at = time.monotonic() + context.settings.stop_grace_seconds
            elif kill_at is not None and time.monotonic() > kill_at:
                child.kill()
            elif event is None and kill_at is None and _is_over(kind.stall_seconds, heard_at):
                child.kill()  # not tried again: that would take as long
                final = final or {"event": "failed", "error": kind.describe_stall()}
    finally:
        code = child.close()
    if final is None:
        final = {"event": "crashed", "error": child.describe_end(code)}
        disk_low = disk_low or context.disk.is_low
    if final["event"] == "finished" and heartbeat.stop_requested is not Stop.CANCEL:
        kind.conclude()
    return Outcome(final, heartbeat.stop_requested, disk_low)


def _is_over(seconds: float | None, since: float) -> bool:
    return seconds is not None and time.monotonic() - since > seconds


def make_run_dir(store: ObjectStore, run_dir: Path, claim: Claim) -> None:
    """Make an empty folder for this epoch. What older epochs of the job left here goes, and the
    log of a worker that was killed is stored in its place."""
    for left in run_dir.parent.glob(f"{claim.job_id}-*"):
        epoch = left.name.rpartition("-")[2]
        if epoch.isdecimal() and int(epoch) < claim.epoch:
            old_log = JobLog(store, Claim(claim.job_id, int(epoch)), left)
            old_log.say("the worker of this attempt was killed, or its machine went down")
            old_log.store()
        shutil.rmtree(left, ignore_errors=True)
    run_dir.mkdir(parents=True)


def _settle(context: WorkerContext, kind: Kind, outcome: Outcome) -> None:
    """Write down how it ended, as far as this worker still holds the job."""

    def conclude(session: Session) -> None:
        kind.commit(session, outcome.event)
        shortfall = kind.shortfall()
        status = Status.FAILED if shortfall else Status.SUCCEEDED
        leases.end(session, kind.claim, status, shortfall)

    if outcome.stop is Stop.CANCEL:
        context.settle(lambda session: leases.end(session, kind.claim, Status.CANCELLED))
    elif outcome.name == "finished":
        context.settle(conclude)
    elif outcome.name == "failed":
        error = str(outcome.event["error"])
        context.settle(lambda session: leases.end(session, kind.claim, Status.FAILED, error))
    elif outcome.stop is Stop.PAUSE:
        context.settle(lambda session: leases.pause(session, kind.claim))
        return
    elif outcome.name == "no_room" or outcome.disk_low:
        _park(context, kind, int(outcome.event.get("needed_bytes", 0)))
        return
    elif context.stopping.is_set():
        context.settle(lambda session: leases.release(session, kind.claim))
        return
    else:
        sentence = outcome.event.get("error", "its process stopped unexpectedly")
        _settle_crash(context, kind, sentence)
        return
    delete_leftovers(context.database, context.store, kind.job)


def _park(context: WorkerContext, kind: Kind, needed: int = 0) -> None:
    """Give the job back to its queue until there is room for it."""
    free = context.disk.free_bytes()
    room = context.disk.free_bytes_to_resume(kind.run_dir, needed)
    # Before anything is written: what is still in it is as good as lost.
    shutil.rmtree(kind.run_dir, ignore_errors=True)
    reason = (
        f"the disk of its worker is full: {free:,} bytes were free. It goes on by itself, from "
        f"what it has stored, when {room:,} bytes are free"
    )
    log.warning("job_parked", job=kind.job.id, free_bytes=free, room_needed=room)
    context.settle(lambda session: leases.park(session, kind.claim, reason, room))


def _settle_failure(context: WorkerContext, kind: Kind, error: Exception) -> None:
    try:
        if is_disk_full(error):
            _park(context, kind, needed_bytes(error))
        else:
            _settle_crash(context, kind, f"its worker failed: {error}")
    except Fenced:
        log.warning("job_fenced", job=kind.job.id, epoch=kind.claim.epoch)


def _settle_crash(context: WorkerContext, kind: Kind, sentence: str) -> None:
    """Try again from what is stored, up to the cap."""

    def settle(session: Session) -> bool:
        attempt = leases.lock_job(session, kind.claim).attempt
        if attempt < context.settings.max_attempts:
            log.warning("job_crashed", job=kind.job.id, attempt=attempt, reason=sentence)
            leases.release(session, kind.claim, keep_attempt=True, reason=sentence)
            return False
        error = f"{sentence}, at the last of {attempt} attempts"
        leases.end(session, kind.claim, Status.FAILED, error)
        return True

    if context.settle(settle):
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
