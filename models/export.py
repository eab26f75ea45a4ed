"""The export process: `python -m models.export RUN_DIR`.

It writes RUN_DIR/generator.onnx from the checkpoint that RUN_DIR/run.json names, and prints one
JSON event per line; the last event, `finished`, names the file. SIGTERM ends it and nothing is
kept. If standard input is a pipe, a supervisor holds its other end, and the process ends at once
when the pipe closes.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import NoReturn

from models.child_process import (
    Events,
    RunFileError,
    begin,
    end_on_signals,
    report_full_disk,
)

EXPORTED_FILE = "generator.onnx"


def main() -> NoReturn:
    """Run the export of the folder on the command line; exit with its status."""
    folder, events, supervised = begin("models.export")
    end_on_signals(events, supervised)
    sys.exit(report_full_disk(events, lambda: run_export(folder, events)))


def run_export(folder: Path, events: Events) -> int:
    """Write the ONNX file that `folder`/run.json asks for; return the exit status.

    An error that would occur again is an event `failed`; every other error (memory, disk) is
    raised, and the export may be tried again.
    """
    # Imported here, because torch takes a second in which signals must be handled already.
    from models.checkpoint import CheckpointError, load_generator
    from models.onnx_writer import ExportError, write_onnx

    path = folder / EXPORTED_FILE
    try:
        checkpoint = _read_request(folder / "run.json")
        loaded = load_generator(checkpoint)
        sha256 = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
        write_onnx(path, loaded.generator, loaded.config, loaded.images_seen, sha256)
    except (CheckpointError, ExportError, RunFileError) as error:
        events.emit("failed", error=str(error))
        return 1
    data = path.read_bytes()
    events.emit(
        "finished", path=path.name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
    )
    return 0


def _read_request(path: Path) -> Path:
    """The path of the checkpoint that run.json names."""
    try:
        return Path(json.loads(path.read_text(encoding="utf-8"))["checkpoint"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RunFileError(f"{path} is not a valid description of an export: {error!r}") from error


if __name__ == "__main__":
    main()
