"""The base class of the kinds of job, as the supervisor uses them."""

import os
import shutil
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from app.domain import events, jobs, leases
from app.domain.leases import Claim
from app.domain.queue import Queue
from app.domain.tables import Job
from worker.context import WorkerContext

# The files of a packed dataset that `models.scoring.nearest` reads.
EMBEDDING_FILES = ("dataset.json", "features.npy", "neighbours.npy")
THIN_AFTER_EVENTS = 500  # progress events, after which older ones are thinned out


class Kind:
    """One run of one job: the child process to start, and how to store its results."""

    module: ClassVar[str]  # started as `python -m module RUN_DIR`
    _progress_events = 0

    def __init__(self, context: WorkerContext, job: Job, run_dir: Path) -> None:
        self.context = context
        self.job = job
        self.claim = Claim(job.id, job.epoch)
        self.run_dir = run_dir

    @property
    def needs_training(self) -> bool:
        """Whether the child needs the extra `train`."""
        return True

    @property
    def background(self) -> bool:
        """Whether the child runs only where a core would be idle, because nobody waits for it."""
        return bool(self.job.config.get("background"))

    @property
    def processes(self) -> int:
        """The number of processes that the child runs as."""
        return 1

    @property
    def stall_seconds(self) -> float | None:
        """The longest pause between two events before the child is killed; None: no limit."""
        return None

    def describe_stall(self) -> str:
        """A sentence for the user about a child that was killed because it sent no event."""
        return f"no progress for {self.stall_seconds:,.0f} s: its process was ended"

    def prepare(self) -> None:
        """Write the files that the child reads into the run folder."""
        raise NotImplementedError

    def handle(self, event: dict[str, Any]) -> None:
        """Store the results that an event names, before the next event is read."""
        if event["event"] == "progress":
            self.publish_progress(event)

    def progress(self, event: dict[str, Any]) -> dict[str, Any]:
        """The job's `progress` after a progress event."""
        return {name: event[name] for name in jobs.INITIAL_PROGRESS}

    def store_results(self) -> None:
        """Store the results that the finished child left in the run folder."""

    def register_results(self, session: Session, event: dict[str, Any]) -> None:
        """Add the stored results to the tables, in the transaction that ends the job.

        `event` is the child's `finished` event.
        """

    @property
    def next_queue(self) -> Queue | None:
        """The queue of the job that `register_results` created, if any."""
        return None

    def shortfall(self) -> str | None:
        """The reason why the job fails although its child finished; None if it succeeds."""
        return None

    def publish_progress(self, event: dict[str, Any]) -> None:
        """Write the progress to the job and to its event stream in one transaction."""
        data = {name: event[name] for name in event if name != "event"}
        progress, lease_seconds = self.progress(event), self.context.settings.lease_seconds

        def write(session: Session) -> None:
            leases.renew(session, self.claim, lease_seconds, progress)
            events.append(session, self.job.id, "progress", data)

        self.context.write(write)
        self._progress_events += 1
        if self._progress_events % THIN_AFTER_EVENTS == 0:
            self.context.write(lambda session: events.thin_progress(session, self.job.id))
        self.context.notifier.notify([self.job.id])

    def record(self, event_type: str, data: dict[str, Any], once: str | None = None) -> None:
        """Append an event to the job's stream, and wake the readers of the stream.

        `once` is a key: only the first event with this key is appended.
        """
        self.context.write(
            lambda session: leases.record(session, self.claim, event_type, data, once)
        )
        self.context.notifier.notify([self.job.id])


def link_or_copy(source: Path, target: Path) -> None:
    """Put a file of the store, which is never changed, at `target` too."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
