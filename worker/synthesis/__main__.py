"""The synthesis process: `python -m worker.synthesis RUN_DIR`.

Reads RUN_DIR/run.json, writes shards into RUN_DIR, and prints one JSON event per line. SIGTERM ends
it at once: of the shard at hand nothing is kept. A pipe on standard input is held by a supervisor:
when it closes, the process ends.
"""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from models.child import SPIN_COUNT, EventStream, end_with_supervisor


def main() -> NoReturn:
    """Write the shards of the folder named on the command line; the exit status says how it
    went."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m worker.synthesis RUN_DIR")
    folder, events = Path(sys.argv[1]), EventStream.take_stdout()
    if end_with_supervisor():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to act on
    signal.signal(signal.SIGTERM, events.stop)
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    # Only now: importing torch takes a second, and libgomp reads its environment then.
    from worker.synthesis.synthesis import run_synthesis

    sys.exit(run_synthesis(folder, events))


if __name__ == "__main__":
    main()
