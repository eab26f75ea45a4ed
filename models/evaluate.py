"""The evaluation process: `python -m models.evaluate RUN_DIR`.

Reads RUN_DIR/run.json and prints one JSON event per line; the last, `finished`, has the `result`.
SIGTERM ends it, with nothing kept: it is begun again from the start. A pipe on standard input is
held by a supervisor: when it closes, the process ends at once.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from models.child import SPIN_COUNT, EventStream, end_with_supervisor


class Stopped(BaseException):
    """SIGTERM came; no handler of errors on the way may take it for one."""


def main() -> NoReturn:
    """Evaluate in the folder named on the command line; the exit status says how it went."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m models.evaluate RUN_DIR")
    folder, events = Path(sys.argv[1]), EventStream.take_stdout()
    if end_with_supervisor():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to act on
    signal.signal(signal.SIGTERM, _stop)
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    try:
        # Only now: importing torch takes a second, and libgomp reads its environment then.
        from models.evaluation import run_evaluation

        status = run_evaluation(folder, events)
    except Stopped:
        events.emit("stopped")
        status = 0
    sys.exit(status)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise Stopped


if __name__ == "__main__":
    main()
