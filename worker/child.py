"""The child process that does the work of a job: its JSON events, stop signals and exit."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import structlog

from app.domain.processes import describe_exit
from worker.job_log import LOG_FILE

log = structlog.get_logger()

LOG_TAIL_BYTES = 2000
# In the last line of a traceback: of Python, of torch on a GPU, and of torch on a CPU.
NO_MEMORY = re.compile(r"\b(MemoryError|OutOfMemoryError|can't allocate memory)\b")
LEAST_PRIORITY = 19  # the largest niceness
EXIT_SECONDS = 10.0  # the longest time from a child's last event to its exit


class Child:
    """Runs `python -m MODULE RUN_DIR`. Of several processes, only one sends events.

    A child in the `background` runs only where a core would be idle.

    The child ends when its stdin closes. Only this process holds the other end of that pipe, so the
    child ends with this process, even if this process is killed.
    """

    def __init__(
        self, module: str, run_dir: Path, processes: int = 1, *, background: bool = False
    ) -> None:
        self._log = run_dir / LOG_FILE
        with self._log.open("ab") as log_file:
            self._process = subprocess.Popen(
                [sys.executable, *_launcher(processes), "-m", module, str(run_dir)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log_file,
                start_new_session=True,  # a Ctrl-C in the terminal reaches only the supervisor
            )
        if background:
            _set_idle_priority(self._process.pid)
        assert self._process.stdout is not None
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), name="child-events", daemon=True
        )
        self._reader.start()
        self.ended = False

    def next_event(self, timeout: float) -> dict[str, Any] | None:
        """Return the next event; None after `timeout` seconds, or if the child has `ended`."""
        try:
            event = self._events.get(timeout=timeout)
        except queue.Empty:
            return None
        if event is None:
            self.ended = True
        return event

    def terminate(self) -> None:
        """Ask the child to store its state and exit."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def close(self) -> int:
        """Kill the child if it still runs; return its exit code, negative for a signal."""
        if not self.ended:
            self.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            code = self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:  # it hangs while exiting, for instance in a driver
            self.kill()
            code = self._process.wait()
        self._reader.join()
        return code

    def describe_end(self, code: int) -> str:
        """A sentence about an exit that no event explained."""
        likely = ": probably out of memory" if code == -signal.SIGKILL else ""
        line = self._last_log_line() if code >= 0 else ""
        return f"its process ended with {describe_exit(code)}{likely}{line and f': {line}'}"

    def ended_without_memory(self, code: int) -> bool:
        """Whether the process ended with this exit code because memory ran out, as far as known."""
        if code == -signal.SIGKILL:
            return True
        return code > 0 and NO_MEMORY.search(self._last_log_line()) is not None

    def _last_log_line(self) -> str:
        """The last line of the child's log; empty if it has none."""
        with self._log.open("rb") as log_file:
            log_file.seek(max(0, self._log.stat().st_size - LOG_TAIL_BYTES))
            lines = log_file.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)

    def _read(self, stdout: IO[bytes]) -> None:
        try:
            with stdout:
                for line in stdout:
                    self._events.put(json.loads(line))
        except ValueError:  # the child died while it wrote this line
            log.warning("child_line_unreadable", line=line[:200].decode(errors="replace"))
        finally:
            self._events.put(None)


def _set_idle_priority(pid: int) -> None:
    """Let a process that has just begun, and the threads that it will have, run only where a core
    would be idle.

    Measured beside an encoder in training: steps of another training are at 79 % of their speed, at
    16 % without this, and at 30 to 49 % if the encoder's niceness is 10.
    """
    with suppress(OSError):  # it has ended, or its container forbids it
        if sys.platform == "linux":
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
            # With autogroups, as on a desktop, Linux first divides the cores between sessions, of
            # which this is one, and each has a niceness of its own.
            Path(f"/proc/{pid}/autogroup").write_text(str(LEAST_PRIORITY))
        else:
            os.setpriority(os.PRIO_PROCESS, pid, LEAST_PRIORITY)


def _launcher(processes: int) -> list[str]:
    """The arguments that let torchrun start several processes; none for one process."""
    if processes == 1:
        return []
    torchrun = "torch.distributed.run"
    return ["-m", torchrun, "--standalone", "--nproc-per-node", str(processes)]
