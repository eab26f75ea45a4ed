"""Watching a job: its row, its events, and the child process of its worker."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.domain import events, jobs
from app.domain.database import Database
from app.domain.job_states import ENDED
from app.domain.tables import Job


class JobWatch:
    """Reads one job and its events."""

    def __init__(self, database: Database, job_id: str) -> None:
        self._database = database
        self.id = job_id

    def read(self) -> Job:
        with self._database.read() as session:
            return jobs.find(session, self.id)

    def events(self, event_type: str) -> list[dict[str, Any]]:
        with self._database.read() as session:
            return [row.data for row in events.of_type(session, self.id, event_type)]

    def until(self, condition: Callable[[Job], bool], seconds: float = 60) -> Job:
        deadline = time.monotonic() + seconds
        while not condition(job := self.read()):
            assert time.monotonic() < deadline, f"{job.status} {job.progress} {job.error}"
            time.sleep(0.1)
        return job

    def until_ended(self, seconds: float = 90) -> Job:
        return self.until(lambda job: job.status in ENDED, seconds)


def trainer_pid(worker: subprocess.Popen[bytes]) -> int | None:
    """The process id of a worker's trainer, if it runs."""
    return child_pid(worker, "models.train")


def child_pid(worker: subprocess.Popen[bytes], module: str) -> int | None:
    """The process id of a worker's child that runs `module`, read from /proc."""
    children = Path(f"/proc/{worker.pid}/task").glob("*/children")
    pids = [int(pid) for path in children for pid in path.read_text().split()]
    for pid in pids:
        if module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
