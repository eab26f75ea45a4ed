"""A child process that does the work: its JSON events, its stop signals, its end."""

import json
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

LOG_TAIL_BYTES = 2000


class Child:
    """Runs `python -m MODULE RUN_DIR`.

    The child ends when its stdin closes, and the only other end of that pipe is held here: when
    this process dies, however it dies, its child does too.
    """

    def __init__(self, module: str, run_dir: Path) -> None:
        self._log = run_dir / "log.txt"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, str(run_dir)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
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
        if self._process.poll() is None and not self.ended:
            self.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = self._process.wait()
        self._reader.join()
        return code

    def last_words(self) -> str:
        """The last line that the child wrote to its log; empty when it wrote none."""
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - LOG_TAIL_BYTES))
            lines = log.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)

    def _read(self, stdout: IO[bytes]) -> None:
        with stdout:
            for line in stdout:
                self._events.put(json.loads(line))
        self._events.put(None)


def describe_exit(code: int, last_words: str) -> str:
    """A plain sentence about an exit that no event explained."""
    if code < 0:
        name = signal.Signals(-code).name
        likely = ": probably out of memory" if code == -signal.SIGKILL else ""
        return f"its process was ended by signal {-code} ({name}){likely}"
    return f"its process ended with exit code {code}" + (f": {last_words}" if last_words else "")
