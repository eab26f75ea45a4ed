"""The export process: `python -m models.export RUN_DIR`.

It writes RUN_DIR/generator.onnx from the checkpoint that RUN_DIR/run.json names, and prints one
JSON event per line; the last event, `finished`, names the file. SIGTERM ends it and nothing is
kept. If standard input is a pipe, a supervisor holds its other end, and the process ends at once
when the pipe closes.
"""

from pathlib import Path
from typing import NoReturn

from models.child_process import Events, RunFileError, fast_imports, read_run_file, run_child
from models.durable_files import file_sha256

EXPORTED_FILE = "generator.onnx"


def main() -> NoReturn:
    """Run the export of the folder on the command line; exit with its status."""
    run_child("models.export", run_export)


def run_export(folder: Path, events: Events) -> int:
    """Write the ONNX file that `folder`/run.json asks for; return the exit status.

    An error that would occur again is an event `failed`; every other error (memory, disk) is
    raised, and the export may be tried again.
    """
    # Imported here, because torch takes a second in which signals must be handled already.
    with fast_imports():
        from models.checkpoint import CheckpointError, load_generator
        from models.onnx_writer import ExportError, write_onnx

    path = folder / EXPORTED_FILE
    try:
        checkpoint = read_run_file(
            folder / "run.json", "an export", lambda request: Path(request["checkpoint"])
        )
        loaded = load_generator(checkpoint)
        sha256 = file_sha256(checkpoint)
        write_onnx(path, loaded.generator, loaded.config, loaded.images_seen, sha256)
    except (CheckpointError, ExportError, RunFileError) as error:
        events.emit("failed", error=str(error))
        return 1
    events.emit("finished", path=path.name, bytes=path.stat().st_size, sha256=file_sha256(path))
    return 0


if __name__ == "__main__":
    main()
