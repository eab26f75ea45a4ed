"""The log of one run of a job: the stderr of its child process, and lines of the worker."""

import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import structlog

from app.domain.job_objects import LOG_EPOCH_BYTES, store_log
from app.domain.leases import Claim
from app.domain.store import ObjectStore

log = structlog.get_logger()

LOG_FILE = "log.txt"  # in the run folder; the child appends its stderr to it
STORE_SECONDS = 10.0  # between two copies of a growing log


class JobLog:
    """Appends the worker's lines to the log of a run, and keeps a copy of its end in the store.

    A log that cannot be written or stored does not stop the job.
    """

    def __init__(self, store: ObjectStore, claim: Claim, run_dir: Path) -> None:
        self._store = store
        self._claim = claim
        self._path = run_dir / LOG_FILE
        self._stored_bytes = 0
        self._store_at = time.monotonic() + STORE_SECONDS

    def add(self, text: str) -> None:
        """Append a line of the worker."""
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        line = f"{moment} worker {socket.gethostname()}: {text}\n"
        try:
            with self._path.open("ab") as file:
                file.write(line.encode(errors="replace"))
        except OSError as error:
            log.warning("job_log_unwritten", job=self._claim.job_id, error=str(error))

    def store_regularly(self) -> None:
        """Store the log if it has grown, at most every ten seconds."""
        if time.monotonic() >= self._store_at:
            self._store_at = time.monotonic() + STORE_SECONDS
            self.store()

    def store(self) -> None:
        """Store the log if it has grown."""
        try:
            size = self._path.stat().st_size
            if size == self._stored_bytes:
                return
            with self._path.open("rb") as file:
                file.seek(max(0, size - 2 * LOG_EPOCH_BYTES))
                store_log(self._store, self._claim, file.read())
            self._stored_bytes = size
        except Exception as error:  # noqa: BLE001  obstore's errors have no closer common base
            log.warning("job_log_unstored", job=self._claim.job_id, error=str(error))
