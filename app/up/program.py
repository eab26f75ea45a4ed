"""A program that `moggy up` runs: its command, its log, its process group."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.up.leftovers import write_pid_file

LAUNCHER = Path(__file__).with_name("launch.py")
LOG_BYTES = 5_000_000  # a larger log is put aside at the next start


@dataclass(frozen=True)
class Program:
    """What to run. `title` names it in a sentence, `name` its log and pid file."""

    name: str
    title: str
    command: tuple[str, ...]
    stop_seconds: float  # from SIGTERM until SIGKILL
    environment: Mapping[str, str] = field(default_factory=dict)


class RunningProgram:
    """One program over all its starts, each in a session of its own."""

    def __init__(self, program: Program, logs: Path, run: Path) -> None:
        self.program = program
        self.log = logs / f"{program.name}.log"
        self._run = run
        self._pid_file = run / f"{program.name}.pid"
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0

    @property
    def running(self) -> bool:
        """Whether it was started and its end was not noticed yet."""
        return self._process is not None

    @property
    def age(self) -> float:
        """Seconds since its last start."""
        return time.monotonic() - self._started_at

    def start(self) -> None:
        _rotate(self.log)
        # Isolated and without site-packages, so that becoming the program costs milliseconds.
        launcher = (sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*launcher, *self.program.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONUNBUFFERED": "1"} | dict(self.program.environment),
                # A `models` or `app` in the user's own folder must not stand before Moggy's.
                cwd=self._run,
                start_new_session=True,  # a Ctrl-C of the terminal reaches the supervisor alone
            )
        self._started_at = time.monotonic()
        with suppress(OSError):  # a full disk: the kernel ends what a killed supervisor leaves
            write_pid_file(self._pid_file, self._process.pid)

    def poll(self) -> int | None:
        """The exit code, negative for a signal, the first time that its end is seen."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is not None:
            self._process = None
            self._pid_file.unlink(missing_ok=True)
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its whole process group."""
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def last_lines(self, count: int) -> list[str]:
        with self.log.open(errors="replace") as log:
            return [line.rstrip() for line in deque(log, count)]


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
