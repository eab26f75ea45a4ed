"""The evaluation process: `python -m models.evaluate RUN_DIR`.

It reads RUN_DIR/run.json and prints one JSON event per line; the last event, `finished`, has the
`result`. SIGTERM ends it and nothing is kept: an evaluation starts again from the beginning. If
standard input is a pipe, a supervisor holds its other end, and the process ends at once when the
pipe closes.
"""

import sys
from typing import NoReturn

from models.child_process import begin, end_on_signals, report_full_disk


def main() -> NoReturn:
    """Run the evaluation of the folder on the command line; exit with its status."""
    folder, events, supervised = begin("models.evaluate")
    end_on_signals(events, supervised)
    from models.scoring.evaluation import run_evaluation

    sys.exit(report_full_disk(events, lambda: run_evaluation(folder, events)))


if __name__ == "__main__":
    main()
