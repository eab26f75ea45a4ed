"""The estimating process: `python -m models.estimate RUN_DIR`.

Reads the configuration in RUN_DIR/run.json, takes a few steps on random pictures, and prints one
JSON event per line: `sizes` before any step, then a `step` for each batch that it has timed, the
last one of the largest. Who started it ends it when that takes too long.
"""

import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from models.child_process import begin


def main() -> NoReturn:
    """Measure what the folder named on the command line describes."""
    folder, events, _ = begin("models.estimate")
    with suppress(OSError):  # where there is no such file, the system decides
        # If memory runs out, it is this process that goes and none that serves.
        Path("/proc/self/oom_score_adj").write_text("1000")
    from models.training.estimation import run_estimate

    run_estimate(folder, events)
    sys.exit()


if __name__ == "__main__":
    main()
