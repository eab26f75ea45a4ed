"""A program that `moggy up` runs: its command, log, process group and pid file."""

import json
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

LAUNCHER = Path(__file__).with_name("launch.py")
LOG_BYTES = 5_000_000  # a larger log is rotated at the next start
LEFTOVER_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Program:
    """What to run. `title` names it in messages, `name` names its log and pid file."""

    name: str
    title: str
    command: tuple[str, ...]
    stop_seconds: float  # from SIGTERM until SIGKILL
    environment: Mapping[str, str] = field(default_factory=dict)


class RunningProgram:
    """A program through all its starts, each in a session of its own."""

    def __init__(self, program: Program, logs: Path, run: Path) -> None:
        self.program = program
        self.log = logs / f"{program.name}.log"
        self._run = run
        self._pid_file = run / f"{program.name}.pid"
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0

    @property
    def running(self) -> bool:
        """Whether the program was started, and `poll` has not reported its end yet."""
        return self._process is not None

    @property
    def age(self) -> float:
        """Seconds since its last start."""
        return time.monotonic() - self._started_at

    def start(self) -> None:
        _rotate(self.log)
        # -I and -S skip site-packages, so that the launcher takes only milliseconds.
        launcher = (sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*launcher, *self.program.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONUNBUFFERED": "1"} | dict(self.program.environment),
                # Not the user's folder: a `models` or `app` there would shadow Moggy's packages.
                cwd=self._run,
                start_new_session=True,  # a Ctrl-C of the terminal reaches only the supervisor
            )
        self._started_at = time.monotonic()
        # On a full disk there is no pid file. On Linux the kernel still ends the program with its
        # supervisor (see launch.py).
        with suppress(OSError):
            write_pid_file(self._pid_file, self._process.pid)

    def poll(self) -> int | None:
        """The exit code, negative for a signal, at the first call after its end; else None."""
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


def write_pid_file(path: Path, pid: int) -> None:
    """Record a process by its pid and start time, since pids are reused."""
    path.write_text(json.dumps({"pid": pid, "birth": start_time(pid)}))


def end_leftovers(folder: Path, seconds: float) -> list[str]:
    """End the processes that the pid files in `folder` name and that still run; return their names.

    Each leads a process group, which gets SIGTERM, and SIGKILL after `seconds`.
    """
    alive = {path: pid for path in folder.glob("*.pid") if (pid := _running_pid(path)) is not None}
    names = sorted(path.stem for path in alive)
    _signal_groups(alive, signal.SIGTERM)
    if not _wait_until_ended(alive, seconds):
        _signal_groups(alive, signal.SIGKILL)
        _wait_until_ended(alive, seconds)
    for path in folder.glob("*.pid"):
        path.unlink()
    return names


def start_time(pid: int) -> str | None:
    """When a process started, as text that identifies it; None if no such process runs.

    Not psutil's `create_time`: on Linux it follows the wall clock, so that a leftover would not be
    recognised after the clock was set. The boot's id and the ticks since the boot do not change.
    """
    try:
        # The process name, in brackets, may contain spaces and brackets.
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return None if Path("/proc/self").exists() else _start_time_by_ps(pid)
    except ProcessLookupError:
        return None
    if state in "ZX":  # dead, but not reaped by its parent yet
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {fields[18]}"


def _start_time_by_ps(pid: int) -> str | None:
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    return answer.stdout.strip() or None


def _running_pid(path: Path) -> int | None:
    """The pid in a pid file, if that process still runs."""
    with suppress(OSError, ValueError, KeyError, TypeError):  # a crash may have truncated the file
        recorded = json.loads(path.read_text())
        pid = int(recorded["pid"])
        if recorded["birth"] is not None and recorded["birth"] == start_time(pid):
            return pid
    return None


def _signal_groups(processes: dict[Path, int], number: signal.Signals) -> None:
    for path, pid in processes.items():
        if _running_pid(path) == pid:
            with suppress(ProcessLookupError):
                os.killpg(pid, number)


def _wait_until_ended(processes: dict[Path, int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(_running_pid(path) is not None for path in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(LEFTOVER_POLL_SECONDS)
    return True
