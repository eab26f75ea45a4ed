"""The estimating process: `python -m models.estimate RUN_DIR`.

It reads the configuration in RUN_DIR/run.json, takes a few steps on random images, and prints one
JSON event per line: first `sizes`, then a `step` for each batch size that it has timed, in
ascending order. The process that started it ends it if it takes too long.
"""

import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from models.child_process import begin, fast_imports


def main() -> NoReturn:
    """Measure the configuration in the folder that the command line names."""
    folder, events, _ = begin("models.estimate")
    with suppress(OSError):  # only Linux has this file
        # If memory runs out, the kernel kills this process first, and none that serves.
        Path("/proc/self/oom_score_adj").write_text("1000")
    with fast_imports():
        from models.training.estimation import run_estimate

    run_estimate(folder, events)
    sys.exit()


if __name__ == "__main__":
    main()
