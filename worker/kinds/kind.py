"""What a kind of job is to its supervisor."""

from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from app.domain import events, leases
from app.domain.leases import Claim
from app.domain.tables import Job
from worker.context import WorkerContext

THIN_EVERY = 500  # progress events


class Kind:
    """One run of one job: what to start, and what to do with what its child makes."""

    module: ClassVar[str]  # started as `python -m module RUN_DIR`
    _progress_events = 0

    def __init__(self, context: WorkerContext, job: Job, run_dir: Path) -> None:
        self.context = context
        self.job = job
        self.claim = Claim(job.id, job.epoch)
        self.run_dir = run_dir

    @property
    def processes(self) -> int:
        """How many processes the child is."""
        return 1

    @property
    def stall_seconds(self) -> float | None:
        """How long the child may send no event before it is killed; None for any time."""
        return None

    def describe_stall(self) -> str:
        """A sentence for the user about a child that was killed for its silence."""
        return f"no progress for {self.stall_seconds:,.0f} s: its process was ended"

    def prepare(self) -> None:
        """Fill the run folder with what the child reads."""
        raise NotImplementedError

    def handle(self, event: dict[str, Any]) -> None:
        """Store what an event names. Each is handled before the next is read."""
        raise NotImplementedError

    def progress(self, event: dict[str, Any]) -> dict[str, Any]:
        """The job's `progress` after a progress event."""
        raise NotImplementedError

    def conclude(self) -> None:
        """Store what the child left in the run folder when it finished."""

    def commit(self, session: Session, event: dict[str, Any]) -> None:
        """Point the tables at what was concluded, in the transaction that ends the job.

        `event` is the child's `finished`.
        """

    def shortfall(self) -> str | None:
        """Why the job has failed though its child finished; None where it has not."""
        return None

    def publish_progress(self, event: dict[str, Any]) -> None:
        """Put the progress into the job and into its stream, at once."""
        data = {name: event[name] for name in event if name != "event"}
        progress, lease_seconds = self.progress(event), self.context.settings.lease_seconds

        def write(session: Session) -> None:
            leases.renew(session, self.claim, lease_seconds, progress)
            events.append(session, self.job.id, "progress", data)

        self.context.write(write)
        self._progress_events += 1
        if self._progress_events % THIN_EVERY == 0:
            self.context.write(lambda session: events.thin_progress(session, self.job.id))
        self.context.notifier.notify([self.job.id])

    def record(self, event_type: str, data: dict[str, Any], once: str | None = None) -> None:
        """Append an event to the job's stream and wake its readers."""
        self.context.write(
            lambda session: leases.record(session, self.claim, event_type, data, once)
        )
        self.context.notifier.notify([self.job.id])
