"""The evaluation process: `python -m models.evaluate RUN_DIR`.

It reads RUN_DIR/run.json and prints one JSON event per line; the last event, `finished`, has the
`result`. SIGTERM ends it and nothing is kept: an evaluation starts again from the beginning. If
standard input is a pipe, a supervisor holds its other end, and the process ends at once when the
pipe closes.
"""

from pathlib import Path
from typing import NoReturn

from models.child_process import Events, fast_imports, run_child


def main() -> NoReturn:
    """Run the evaluation of the folder on the command line; exit with its status."""
    run_child("models.evaluate", _evaluate)


def _evaluate(folder: Path, events: Events) -> int:
    with fast_imports():
        from models.scoring.evaluation import run_evaluation

    return run_evaluation(folder, events)


if __name__ == "__main__":
    main()
