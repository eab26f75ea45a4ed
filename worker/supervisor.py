"""Runs one claimed job: starts its child process, stores its results, and records how it ended."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.orm import Session

from app.domain import leases
from app.domain.disk import is_disk_full
from app.domain.errors import NotFound
from app.domain.extras import lacks_training
from app.domain.job_objects import delete_leftovers
from app.domain.job_states import JobKind, Status, Stop
from app.domain.leases import Claim, Fenced
from app.domain.queue import wake
from app.domain.store import ObjectStore
from app.domain.tables import Job
from models.durable_files import needed_bytes
from worker.child import Child
from worker.context import WorkerContext
from worker.heartbeat import Heartbeat
from worker.job_log import JobLog
from worker.kinds.directions import Directions
from worker.kinds.evaluate import Evaluate
from worker.kinds.export import Export
from worker.kinds.import_checkpoint import Import
from worker.kinds.index import Index
from worker.kinds.ingest import Ingest
from worker.kinds.kind import Kind
from worker.kinds.project import Encoder, Project
from worker.kinds.synthesize import Synthesize
from worker.kinds.train import Train

log = structlog.get_logger()

KINDS: dict[str, type[Kind]] = {
    JobKind.TRAIN: Train,
    JobKind.INGEST: Ingest,
    JobKind.EVALUATE: Evaluate,
    JobKind.SYNTHESIZE: Synthesize,
    JobKind.EXPORT: Export,
    JobKind.IMPORT: Import,
    JobKind.DIRECTIONS: Directions,
    JobKind.INDEX: Index,
    JobKind.ENCODER: Encoder,
    JobKind.PROJECT: Project,
}
FINAL_EVENTS = ("finished", "stopped", "failed", "no_room")
ENDINGS = {
    "finished": "finished",
    "stopped": "stopped",
    "failed": "failed",
    "no_room": "stopped because the disk is full",
    "crashed": "crashed",
}
EVENT_POLL_SECONDS = 0.2
DISK_CHECK_SECONDS = 1.0


@dataclass(frozen=True)
class Outcome:
    """How a child ended: its last event, or `crashed` if it exited without one."""

    event: dict[str, Any]  # {"event": "finished" | … | "no_room" | "crashed", …}
    stop: Stop | None  # the request of the job's user, if any
    disk_low: bool = False  # the child was stopped or crashed because of a full disk

    @property
    def name(self) -> str:
        return str(self.event["event"])

    def describe(self) -> str:
        """A line for the job's log."""
        reason = f": {self.event['error']}" if self.event.get("error") else ""
        request = f", as its user requested ({self.stop})" if self.stop else ""
        disk = ", with the disk full" if self.disk_low else ""
        return f"the child process has {ENDINGS[self.name]}{request}{disk}{reason}"


def supervise(context: WorkerContext, job: Job) -> None:
    """Run the job until it ends, is stopped, or loses its lease.

    Raises only if the database stays unavailable; the lease then expires.
    """
    log.info("job_started", job=job.id, kind=job.kind, epoch=job.epoch, attempt=job.attempt)
    claim = Claim(job.id, job.epoch)
    run_dir = context.settings.runs / f"{claim.job_id}-{claim.epoch}"
    kind = KINDS[job.kind](context, job, run_dir)
    job_log = JobLog(context.store, claim, run_dir)
    try:
        with Heartbeat(context, claim) as heartbeat:
            outcome = _run(context, kind, heartbeat, job_log)
            job_log.add(outcome.describe())
            job_log.store()  # before the job ends: clients may read the log at its end
            _settle(context, kind, outcome)
        log.info("job_settled", job=job.id, outcome=outcome.name)
    except Fenced:
        log.warning("job_fenced", job=job.id, epoch=job.epoch)
        job_log.add("the lease was lost: another worker has taken the job over")
        job_log.store()
    except Exception as error:  # whatever failed, the job must not stay running
        log.exception("job_supervision_failed", job=job.id)
        job_log.add(f"the worker failed: {type(error).__name__}: {error}")
        job_log.store()
        _settle_failure(context, kind, error)
    finally:
        shutil.rmtree(run_dir, ignore_errors=True)
        context.notifier.notify([job.id])


def _run(context: WorkerContext, kind: Kind, heartbeat: Heartbeat, job_log: JobLog) -> Outcome:
    """Run the child until it ends, and store the results that its events name."""
    make_run_dir(context.store, kind.run_dir, kind.claim)
    job_log.add(f"{kind.job.kind} begins, attempt {kind.job.attempt} (epoch {kind.claim.epoch})")
    missing = _missing_packages(kind)
    if missing is not None:
        return Outcome(missing, heartbeat.stop_requested)
    kind.prepare()
    child = Child(kind.module, kind.run_dir, kind.processes, background=kind.background)
    final: dict[str, Any] | None = None
    kill_at: float | None = None
    disk_low, disk_check_at = False, time.monotonic() + DISK_CHECK_SECONDS
    event_at = time.monotonic()
    try:
        while not child.ended:
            event = child.next_event(EVENT_POLL_SECONDS)
            if event is not None:
                event_at = time.monotonic()
            if event is not None and event["event"] in FINAL_EVENTS:
                final = event
            elif event is not None and heartbeat.stop_requested is not Stop.CANCEL:
                kind.handle(event)
            job_log.store_regularly()
            if heartbeat.fenced:
                raise Fenced(kind.job.id)
            if time.monotonic() >= disk_check_at:
                disk_check_at = time.monotonic() + DISK_CHECK_SECONDS
                disk_low = disk_low or context.disk.is_low
            stopping = disk_low or context.stopping.is_set()
            if kill_at is None and (heartbeat.stop_requested or stopping):
                child.terminate()
                kill_at = time.monotonic() + context.settings.stop_grace_seconds
            elif kill_at is not None and time.monotonic() > kill_at:
                child.kill()
            elif event is None and kill_at is None and _has_passed(kind.stall_seconds, event_at):
                child.kill()  # the job fails: another attempt would stall again
                final = final or _stall_event(kind)
    finally:
        code = child.close()
    if final is None:
        final = _crash_event(child, code)
        disk_low = disk_low or context.disk.is_low
    if final["event"] == "finished" and heartbeat.stop_requested is not Stop.CANCEL:
        kind.store_results()
    return Outcome(final, heartbeat.stop_requested, disk_low)


def _missing_packages(kind: Kind) -> dict[str, Any] | None:
    """The event of a child that could not start, at any attempt; None if it can."""
    needs = lacks_training() if kind.needs_training else None
    if needs is None:
        return None
    error = f"a job of kind {kind.job.kind} needs {needs} on the machine of the worker"
    return {"event": "failed", "error": error, "facts": {"kind": "packages_missing"}}


def _stall_event(kind: Kind) -> dict[str, Any]:
    facts = {"kind": "stalled", "seconds": kind.stall_seconds}
    return {"event": "failed", "error": kind.describe_stall(), "facts": facts}


def _crash_event(child: Child, code: int) -> dict[str, Any]:
    cause = "out_of_memory" if child.ended_without_memory(code) else "crashed"
    return {"event": "crashed", "error": child.describe_end(code), "cause": cause}


def _has_passed(seconds: float | None, since: float) -> bool:
    return seconds is not None and time.monotonic() - since > seconds


def make_run_dir(store: ObjectStore, run_dir: Path, claim: Claim) -> None:
    """Make an empty folder for this epoch.

    The folders of earlier epochs are deleted, and the logs of their killed workers are stored.
    """
    for leftover in run_dir.parent.glob(f"{claim.job_id}-*"):
        epoch = leftover.name.rpartition("-")[2]
        if epoch.isdecimal() and int(epoch) > claim.epoch:
            continue  # another worker has taken over the job meanwhile
        if epoch.isdecimal() and int(epoch) < claim.epoch:
            old_log = JobLog(store, Claim(claim.job_id, int(epoch)), leftover)
            old_log.add("the worker of this attempt was killed, or its machine went down")
            old_log.store()
        shutil.rmtree(leftover, ignore_errors=True)
    run_dir.mkdir(parents=True)


def _settle(context: WorkerContext, kind: Kind, outcome: Outcome) -> None:
    """Record how the job ended. Raises Fenced if this worker no longer holds it."""

    def end_finished_job(session: Session) -> None:
        kind.register_results(session, outcome.event)
        shortfall = kind.shortfall()
        status = Status.FAILED if shortfall else Status.SUCCEEDED
        facts = {"kind": "not_scored"} if shortfall else None
        leases.end(session, kind.claim, status, shortfall, facts)

    if outcome.stop is Stop.CANCEL:
        context.settle(lambda session: leases.end(session, kind.claim, Status.CANCELLED))
    elif outcome.name == "finished":
        context.settle(end_finished_job)
        if kind.next_queue is not None:
            wake(kind.next_queue)
    elif outcome.name == "failed":
        error, facts = str(outcome.event["error"]), outcome.event.get("facts")
        context.settle(lambda session: leases.end(session, kind.claim, Status.FAILED, error, facts))
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
        reason = outcome.event.get("error", "its process stopped unexpectedly")
        _settle_crash(context, kind, reason, outcome.event.get("cause", "crashed"))
        return
    delete_leftovers(context.database, context.store, kind.job)


def _park(context: WorkerContext, kind: Kind, needed: int = 0) -> None:
    """Return the job to its queue, to be continued when the disk has room for it."""
    free = context.disk.free_bytes()
    room = context.disk.free_bytes_to_resume(kind.run_dir, needed)
    # Deleted before anything is written: its unstored files are lost in any case.
    shutil.rmtree(kind.run_dir, ignore_errors=True)
    reason = (
        f"the disk of its worker is full: {free:,} bytes were free. The job continues from its "
        f"stored results as soon as {room:,} bytes are free"
    )
    log.warning("job_parked", job=kind.job.id, free_bytes=free, room_needed=room)
    context.settle(lambda session: leases.park(session, kind.claim, reason, room, free))


def _settle_failure(context: WorkerContext, kind: Kind, error: Exception) -> None:
    try:
        if is_disk_full(error):
            _park(context, kind, needed_bytes(error))
        else:
            is_missing = isinstance(error, FileNotFoundError | NotFound)
            cause = "data_missing" if is_missing else "worker_failed"
            _settle_crash(context, kind, f"its worker failed: {error}", cause)
    except Fenced:
        log.warning("job_fenced", job=kind.job.id, epoch=kind.claim.epoch)


def _settle_crash(context: WorkerContext, kind: Kind, reason: str, cause: str) -> None:
    """Queue the job again, to continue from its stored results; fail it at the attempt cap.

    `cause` is the kind of its error.
    """

    def settle(session: Session) -> bool:
        attempt = leases.lock_job(session, kind.claim).attempt
        if attempt < context.settings.max_attempts:
            log.warning("job_crashed", job=kind.job.id, attempt=attempt, reason=reason)
            leases.release(session, kind.claim, keep_attempt=True, reason=reason)
            return False
        error = f"{reason}, at the last of {attempt} attempts"
        facts = {"kind": cause, "attempts": attempt}
        leases.end(session, kind.claim, Status.FAILED, error, facts)
        return True

    if context.settle(settle):
        delete_leftovers(context.database, context.store, kind.job)
