"""The trainer process: `python -m models.train RUN_DIR`.

It reads RUN_DIR/run.json, resumes from RUN_DIR/state.safetensors if that exists, and prints one
JSON event per line. Files in events are named relative to RUN_DIR. On SIGTERM it saves its state
and exits. On a full disk the last event is `no_room`, the exit status is 4, and the previous state
file is intact. If standard input is a pipe, a supervisor holds its other end, and the process
ends at once when the pipe closes.
"""

import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from models.child_process import begin, fast_imports, report_full_disk


def main() -> NoReturn:
    """Train in the run folder that the command line names."""
    folder, events, supervised = begin("models.train")
    stop = threading.Event()
    _stop_on_signals(stop, supervised)
    with fast_imports():
        from models.training.trainer import run_training

    sys.exit(report_full_disk(events, lambda: run_training(folder, events, stop.is_set)))


def _stop_on_signals(stop: threading.Event, supervised: bool) -> None:
    def handle(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    # Ctrl-C reaches every process of a terminal: under a supervisor, the supervisor decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN if supervised else handle)


if __name__ == "__main__":
    main()
