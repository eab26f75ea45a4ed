"""A child process that does the work: its JSON events, its stop signals, its end."""

import json
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import structlog

from app.domain.processes import describe_exit
from worker.job_log import FILE_NAME

log = structlog.get_logger()

LOG_TAIL_BYTES = 2000
LINGER_SECONDS = 10.0  # between the end of a child's events and its own


class Child:
    """Runs `python -m MODULE RUN_DIR`; as several `processes`, of which the first one speaks.

    The child ends when its stdin closes, and the only other end of that pipe is held here: when
    this process dies, however it dies, its child does too.
    """

    def __init__(self, module: str, run_dir: Path, processes: int = 1) -> None:
        self._log = run_dir / FILE_NAME
        with self._log.open("ab") as log_file:
            self._process = subprocess.Popen(
                [sys.executable, *_launcher(processes), "-m", module, str(run_dir)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log_file,
                start_new_session=True,  # a Ctrl-C of the terminal is its supervisor's affair
            )
        assert self._process.stdout is not None
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), name="child-events", daemon=True
        )
        self._reader.start()
        self.ended = False

    def next_event(self, timeout: float) -> dict[str, Any] | None:
        """The next event, or None when none came in time or none will come (then `ended`)."""
        try:
            event = self._events.get(timeout=timeout)
        except queue.Empty:
            return None
        if event is None:
            self.ended = True
        return event

    def terminate(self) -> None:
        """Ask the child to store its state and leave."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def close(self) -> int:
        """End the child if it still runs; its exit code, negative for a signal."""
        if not self.ended:
            self.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            code = self._process.wait(LINGER_SECONDS)
        except subprocess.TimeoutExpired:  # stuck on its way out, in a driver for instance
            self.kill()
            code = self._process.wait()
        self._reader.join()
        return code

    def describe_end(self, code: int) -> str:
        """A plain sentence about an exit that no event explained."""
        likely = ": probably out of memory" if code == -signal.SIGKILL else ""
        words = self._last_words() if code >= 0 else ""
        return f"its process ended with {describe_exit(code)}{likely}{words and f': {words}'}"

    def _last_words(self) -> str:
        """The last line that the child wrote to its log; empty when it wrote none."""
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
        except ValueError:  # a line that was torn by the child's death
            log.warning("child_line_unreadable", line=line[:200].decode(errors="replace"))
        finally:
            self._events.put(None)


def _launcher(processes: int) -> list[str]:
    """torchrun, which needs no import of torch here; nothing for one process."""
    if processes == 1:
        return []
    torchrun = "torch.distributed.run"
    return ["-m", torchrun, "--standalone", "--nproc-per-node", str(processes)]
