"""The trainer process: `python -m models.train RUN_DIR`.

Reads RUN_DIR/run.json, goes on from RUN_DIR/state.safetensors where there is one, and prints one
JSON event per line; files are named relative to RUN_DIR. SIGTERM: state, then exit. A pipe on
standard input is held by a supervisor: when it closes, the process ends at once.
"""

import json
import os
import signal
import stat
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO

ORPHANED = 3  # the exit status after standard input has closed

# How long a thread spins before it sleeps. Measured on two cores: sleeping at once
# (OMP_WAIT_POLICY=PASSIVE) costs a fifth of the speed even beside other work, this costs nothing
# alone, and unlike libgomp's default it soon leaves a core that others want.
SPIN_COUNT = "30000"


class EventStream:
    """Events, one JSON object per line, on what was standard output."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    @classmethod
    def take_stdout(cls) -> "EventStream":
        """From here on, whatever else writes to standard output ends on standard error."""
        stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return cls(stream)

    def emit(self, event: str, **values: Any) -> None:
        self.stream.write(json.dumps({"event": event, **values}, allow_nan=False) + "\n")
        self.stream.flush()


def main() -> NoReturn:
    """Run the trainer in the folder named on the command line; the exit status says how it went."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m models.train RUN_DIR")
    folder, events = Path(sys.argv[1]), EventStream.take_stdout()
    stop = threading.Event()
    supervised = _watch_supervisor()
    _stop_on_signals(stop, supervised)
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    # Only now: importing torch takes a second in which signals count already, and libgomp reads
    # its environment then.
    from models.process import run_training

    sys.exit(run_training(folder, events, stop.is_set))


def _stop_on_signals(stop: threading.Event, supervised: bool) -> None:
    def handle(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    # Ctrl-C reaches every process of a terminal; under a supervisor it is the supervisor's to act.
    signal.signal(signal.SIGINT, signal.SIG_IGN if supervised else handle)


def _watch_supervisor() -> bool:
    """End with the supervisor, if there is one: it holds the other end of standard input."""
    if sys.stdin is None:
        return False
    mode = os.fstat(sys.stdin.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return False
    descriptor = sys.stdin.fileno()

    def wait() -> None:
        while os.read(descriptor, 4096):
            pass
        os._exit(ORPHANED)

    threading.Thread(target=wait, name="supervisor", daemon=True).start()
    return True


if __name__ == "__main__":
    main()
