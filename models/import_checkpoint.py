"""The import process: `python -m models.import_checkpoint RUN_DIR`.

It checks the weights that RUN_DIR/run.json names, which may come from anybody, writes
RUN_DIR/checkpoint.onnx from them, and prints one JSON event per line. The last event, `finished`,
describes both files. SIGTERM ends it and nothing is kept. If standard input is a pipe, a supervisor
holds its other end, and the process ends at once when the pipe closes.
"""

from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Self

from models.child_process import Events, RunFileError, read_run_file, run_child
from models.durable_files import file_sha256

ONNX_FILE = "checkpoint.onnx"


class ImportRequest(NamedTuple):
    weights: Path  # a safetensors file
    max_bytes: int  # of all tensors of both networks

    @classmethod
    def from_json(cls, request: Any) -> Self:
        return cls(Path(request["weights"]), int(request["max_bytes"]))


def main() -> NoReturn:
    """Run the import of the folder on the command line; exit with its status."""
    run_child("models.import_checkpoint", run_import)


def run_import(folder: Path, events: Events) -> int:
    """Import the weights that `folder`/run.json names; return the exit status.

    An error that would occur again is an event `failed`; every other error (memory, disk) is
    raised, and the import may be tried again.
    """
    # Imported here, because torch takes a second in which signals must be handled already.
    from models.checkpoint import (
        CheckpointError,
        NotFiniteError,
        load_generator,
        load_weights,
        require_finite,
    )
    from models.checkpoint_header import (
        DISCRIMINATOR_PREFIX,
        CheckpointHeaderError,
        read_checkpoint_header,
    )
    from models.onnx_writer import ExportError, write_onnx
    from models.ranges import ConfigError
    from models.tensor_check import TensorMismatch, check_tensors

    onnx = folder / ONNX_FILE
    try:
        request = read_run_file(folder / "run.json", "an import", ImportRequest.from_json)
        header = read_checkpoint_header(request.weights)
        check_tensors(header, request.max_bytes)
        loaded = load_generator(request.weights)
        if header.has_discriminator:
            discriminator = load_weights(request.weights).discriminator.items()
            named = {f"{DISCRIMINATOR_PREFIX}{name}": tensor for name, tensor in discriminator}
            require_finite(named, header.images_seen)
        sha256 = file_sha256(request.weights)
        write_onnx(onnx, loaded.generator, header.config, header.images_seen, sha256)
    except (CheckpointHeaderError, TensorMismatch) as error:
        events.emit("failed", error=f"the file {error}")
        return 1
    except (CheckpointError, ConfigError, ExportError, NotFiniteError, RunFileError) as error:
        events.emit("failed", error=str(error))
        return 1
    events.emit(
        "finished",
        config=header.config.to_json(),
        images_seen=header.images_seen,
        sha256=sha256,
        bytes=request.weights.stat().st_size,
        has_discriminator=header.has_discriminator,
        onnx_sha256=file_sha256(onnx),
        onnx_bytes=onnx.stat().st_size,
    )
    return 0


if __name__ == "__main__":
    main()
