"""The projection process: `python -m models.projection RUN_DIR`.

It reads RUN_DIR/run.json and prints one JSON event per line; the last event, `finished`, has the
`result`. SIGTERM ends it, and only a finished encoder is kept. If standard input is a pipe, a
supervisor holds its other end, and the process ends at once when the pipe closes.
"""

import sys
from typing import NoReturn

from models.child_process import begin, end_on_signals, fast_imports, report_full_disk


def main() -> NoReturn:
    """Run the projection of the folder on the command line; exit with its status."""
    folder, events, supervised = begin("models.projection")
    end_on_signals(events, supervised)
    # Imported here, because torch takes a second in which signals must be handled already.
    with fast_imports():
        from models.projection.projection import run_projection

    sys.exit(report_full_disk(events, lambda: run_projection(folder, events)))


if __name__ == "__main__":
    main()
