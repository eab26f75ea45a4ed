"""The process that finds directions: `python -m models.find_directions RUN_DIR`.

RUN_DIR/run.json names the ONNX file (`generator`), how many directions to find (`count`) and those
that are known already (`known`, lists of D numbers). The process prints one JSON event per line;
the last event, `finished`, has the directions, the largest effect first. SIGTERM ends it and
nothing is kept. If standard input is a pipe, a supervisor holds its other end, and the process ends
at once when the pipe closes.
"""

import json
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np

from models.child_process import (
    Events,
    ProgressReporter,
    RunFileError,
    begin,
    end_on_signals,
    report_full_disk,
)


def main() -> NoReturn:
    """Run the search of the folder on the command line; exit with its status."""
    folder, events, supervised = begin("models.find_directions")
    end_on_signals(events, supervised)
    sys.exit(report_full_disk(events, lambda: run_search(folder, events)))


def run_search(folder: Path, events: Events) -> int:
    """Find the directions that `folder`/run.json asks for; return the exit status.

    An error that would occur again is an event `failed`; every other error is raised.
    """
    # Imported here, because the imports take a while in which signals must be handled already.
    from models.directions.unsupervised import find_directions
    from models.directions.vectors import DirectionError
    from models.onnx_generator import OnnxFileError
    from models.scoring.embedding_definition import EmbeddingError
    from models.scoring.onnx_embedder import OnnxEmbedder

    try:
        request = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        path, count = Path(request["generator"]), int(request["count"])
        known = [np.array(vector, np.float32) for vector in request["known"]]
    except (OSError, KeyError, TypeError, ValueError) as error:
        reason = RunFileError(f"{folder / 'run.json'} is no valid description: {error!r}")
        events.emit("failed", error=str(reason))
        return 1
    reporter: ProgressReporter | None = None

    def report(measured: int, candidates: int) -> None:
        nonlocal reporter
        reporter = reporter or ProgressReporter(events, candidates)
        reporter.progress(measured)

    try:
        found = find_directions(path, OnnxEmbedder(), count, report, known)
    except (DirectionError, EmbeddingError, OnnxFileError) as error:
        events.emit("failed", error=str(error))
        return 1
    directions = [
        {"method": method, "effect": round(effect, 4), "vector": vector.tolist()}
        for method, vector, effect in found
    ]
    events.emit("finished", directions=directions)
    return 0


if __name__ == "__main__":
    main()
