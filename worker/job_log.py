"""The log of one run of a job: the child's stderr, with the worker's own lines between."""

import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import structlog

from app.domain.job_objects import LOG_EPOCH_BYTES, store_log
from app.domain.leases import Claim
from app.domain.store import ObjectStore

log = structlog.get_logger()

FILE_NAME = "log.txt"  # in the run folder, to which the child appends
STORE_SECONDS = 10.0  # between two copies of a log that grows


class JobLog:
    """Appends the worker's lines to the run's log, and keeps a copy of its end in the store.

    The log serves whoever looks for the reason of a failure: where it cannot be written or stored,
    the job goes on.
    """

    def __init__(self, store: ObjectStore, claim: Claim, run_dir: Path) -> None:
        self._store = store
        self._claim = claim
        self._path = run_dir / FILE_NAME
        self._stored_bytes = 0
        self._store_at = time.monotonic() + STORE_SECONDS

    def say(self, text: str) -> None:
        """Add a line of the worker's."""
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        line = f"{moment} worker {socket.gethostname()}: {text}\n"
        try:
            with self._path.open("ab") as file:
                file.write(line.encode(errors="replace"))
        except OSError as error:
            log.warning("job_log_unwritten", job=self._claim.job_id, error=str(error))

    def store_now_and_then(self) -> None:
        """Store the log where it has grown, at most every ten seconds."""
        if time.monotonic() >= self._store_at:
            self._store_at = time.monotonic() + STORE_SECONDS
            self.store()

    def store(self) -> None:
        """Store the log as it is now."""
        try:
            size = self._path.stat().st_size
            if size == self._stored_bytes:
                return
            with self._path.open("rb") as file:
                file.seek(max(0, size - 2 * LOG_EPOCH_BYTES))
                store_log(self._store, self._claim, file.read())
            self._stored_bytes = size
        except Exception as error:  # noqa: BLE001  obstore's errors have no common base but this
            log.warning("job_log_unstored", job=self._claim.job_id, error=str(error))
