"""The worker process: its heartbeat file, its log, and an outage of its database."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from servers import ON_POSTGRESQL
from sqlalchemy import text

from app.domain.database import Database
from app.domain.settings import Settings
from worker import context as context_module
from worker.context import WorkerContext

pytestmark = [pytest.mark.slow, ON_POSTGRESQL]

WAIT_SECONDS = 60


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_worker_touches_its_file_while_it_runs_and_survives_lost_connections(
    start_worker: Callable[..., subprocess.Popen[bytes]], database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "alive"
    worker = start_worker("light", heartbeat_file=file)
    wait_for(file.exists)
    touched = file.stat().st_mtime
    end_connections(database)
    wait_for(lambda: file.stat().st_mtime > touched)
    pid = worker.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        touched = file.stat().st_mtime
        time.sleep(6)
        assert file.stat().st_mtime == touched
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: file.stat().st_mtime > touched)
    log = (tmp_path / "worker-0.log").read_text()
    assert "Traceback" not in log
    for line in log.splitlines():
        assert "level=" not in line or line.startswith("timestamp="), line


def end_connections(database: Database) -> None:
    with database.write() as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


def test_a_hanging_reaper_lets_the_file_become_stale(
    tmp_path: Path, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_module, "REAPER_ROUND_SECONDS", 0.0)
    file = tmp_path / "alive"
    changed = settings.model_copy(update={"heartbeat_file": file, "reap_seconds": 0.2})
    context = WorkerContext.from_settings(changed)
    context.touch_heartbeat_file()
    assert file.exists()
    file.unlink()
    time.sleep(0.3)
    context.touch_heartbeat_file()
    assert not file.exists()
    context.notifier.close()
    context.database.close()
