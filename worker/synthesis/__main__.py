"""The synthesis process: `python -m worker.synthesis RUN_DIR`.

Reads RUN_DIR/run.json, writes shards into RUN_DIR, and prints one JSON event per line. SIGTERM ends
it at once; the unfinished shard is lost. If standard input is a pipe, a supervisor holds its other
end, and the process ends at once when the pipe closes.
"""

import sys
from typing import NoReturn

from models.child_process import begin, end_on_signals, report_full_disk


def main() -> NoReturn:
    """Write the shards into the folder that the command line names."""
    folder, events, supervised = begin("worker.synthesis")
    end_on_signals(events, supervised)
    from worker.synthesis.synthesis import run_synthesis

    sys.exit(report_full_disk(events, lambda: run_synthesis(folder, events)))


if __name__ == "__main__":
    main()
