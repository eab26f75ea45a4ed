"""Renews the lease of a running job, and reads stop requests."""

import threading
from types import TracebackType

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.domain import leases
from app.domain.job_states import Stop
from app.domain.leases import Claim, Fenced
from worker.context import WorkerContext

log = structlog.get_logger()

HEARTBEAT_SECONDS = 1.0


class Heartbeat:
    """Renews the lease every second on a thread, so that storing a large object cannot lose it."""

    def __init__(self, context: WorkerContext, claim: Claim) -> None:
        self._context = context
        self._claim = claim
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self.stop_requested: Stop | None = None
        self.fenced = False

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(HEARTBEAT_SECONDS):
            try:
                self._beat()
            except Fenced:
                self.fenced = True
                return
            except SQLAlchemyError as error:
                # The database may recover before the lease expires.
                log.warning("beat_failed", job=self._claim.job_id, error=str(error))

    def _beat(self) -> None:
        with self._context.database.write() as session:
            self.stop_requested = leases.renew(
                session, self._claim, self._context.settings.lease_seconds
            )
