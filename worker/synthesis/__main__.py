"""The synthesis process: `python -m worker.synthesis RUN_DIR`.

Reads RUN_DIR/run.json, writes shards into RUN_DIR, and prints one JSON event per line. SIGTERM ends
it at once; the unfinished shard is lost. If standard input is a pipe, a supervisor holds its other
end, and the process ends at once when the pipe closes.
"""

from pathlib import Path
from typing import NoReturn

from models.child_process import Events, run_child


def main() -> NoReturn:
    """Write the shards into the folder that the command line names."""
    run_child("worker.synthesis", _synthesize)


def _synthesize(folder: Path, events: Events) -> int:
    from worker.synthesis.synthesis import run_synthesis

    return run_synthesis(folder, events)


if __name__ == "__main__":
    main()
