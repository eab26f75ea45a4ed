"""The trainer process: `python -m models.train RUN_DIR`.

Reads RUN_DIR/run.json, goes on from RUN_DIR/state.safetensors where there is one, and prints one
JSON event per line; files are named relative to RUN_DIR. SIGTERM: state, then exit. On a full disk
the last event is `no_room`, the exit status 4, and the newest state file is the one before. A pipe
on standard input is held by a supervisor: when it closes, the process ends at once.
"""

import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from models.child_process import begin, report_full_disk


def main() -> NoReturn:
    """Run the trainer in the folder named on the command line; the exit status says how it went."""
    folder, events, supervised = begin("models.train")
    stop = threading.Event()
    _stop_on_signals(stop, supervised)
    from models.training.trainer import run_training

    sys.exit(report_full_disk(events, lambda: run_training(folder, events, stop.is_set)))


def _stop_on_signals(stop: threading.Event, supervised: bool) -> None:
    def handle(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    # Ctrl-C reaches every process of a terminal; under a supervisor it is the supervisor's to act.
    signal.signal(signal.SIGINT, signal.SIG_IGN if supervised else handle)


if __name__ == "__main__":
    main()
