"""The import process: `python -m models.import_checkpoint RUN_DIR`.

It checks the weights that RUN_DIR/run.json names, which may come from anybody, writes
RUN_DIR/checkpoint.onnx from them, and prints one JSON event per line. The last event, `finished`,
describes both files. Weights that come with Moggy need no check and no torch. SIGTERM ends it and
nothing is kept. If standard input is a pipe, a supervisor holds its other end, and the process ends
at once when the pipe closes.
"""

from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Self

from models.checkpoint_header import (
    DISCRIMINATOR_PREFIX,
    CheckpointHeader,
    CheckpointHeaderError,
    read_checkpoint_header,
)
from models.child_process import Events, RunFileError, fast_imports, read_run_file, run_child
from models.durable_files import file_sha256, write_durably
from models.graph_template import GraphTemplate, TemplateError
from models.ranges import ConfigError

ONNX_FILE = "checkpoint.onnx"


class ImportRefused(ValueError):
    """The weights are not those of their configuration's networks, or have no ONNX file."""


UNUSABLE = {"kind": "unusable_model_file"}  # of every error that is the file's


class ImportRequest(NamedTuple):
    weights: Path  # a safetensors file
    max_bytes: int  # of all tensors of both networks
    graph: Path | None  # the template of weights that come with Moggy

    @classmethod
    def from_json(cls, request: Any) -> Self:
        graph = request.get("graph")
        return cls(
            Path(request["weights"]), int(request["max_bytes"]), Path(graph) if graph else None
        )


def main() -> NoReturn:
    """Run the import of the folder on the command line; exit with its status."""
    run_child("models.import_checkpoint", run_import)


def run_import(folder: Path, events: Events) -> int:
    """Import the weights that `folder`/run.json names; return the exit status.

    An error that would occur again is an event `failed`; every other error (memory, disk) is
    raised, and the import may be tried again.
    """
    onnx = folder / ONNX_FILE
    try:
        request = read_run_file(folder / "run.json", "an import", ImportRequest.from_json)
        header = read_checkpoint_header(request.weights)
        if request.graph is not None:
            template = GraphTemplate.read(request.graph)
            write_durably(onnx, template.fill(request.weights.read_bytes()))
        else:
            _check_and_export(request, header, onnx)
    except CheckpointHeaderError as error:
        events.emit("failed", error=f"the file {error}", facts=UNUSABLE)
        return 1
    except (ConfigError, ImportRefused) as error:
        events.emit("failed", error=str(error), facts=UNUSABLE)
        return 1
    except (RunFileError, TemplateError) as error:
        events.emit("failed", error=str(error))
        return 1
    events.emit(
        "finished",
        config=header.config.to_json(),
        images_seen=header.images_seen,
        sha256=file_sha256(request.weights),
        bytes=request.weights.stat().st_size,
        has_discriminator=header.has_discriminator,
        onnx_sha256=file_sha256(onnx),
        onnx_bytes=onnx.stat().st_size,
    )
    return 0


def _check_and_export(request: ImportRequest, header: CheckpointHeader, onnx: Path) -> None:
    """Check the tensors, and write the ONNX file from them. Raises ConfigError, ImportRefused."""
    # Imported here, because torch takes a second in which signals must be handled already, and is
    # not needed for weights that come with Moggy.
    with fast_imports():
        from models.checkpoint import (
            CheckpointError,
            NotFiniteError,
            load_generator,
            load_weights,
            require_finite,
        )
        from models.onnx_writer import ExportError, write_onnx
        from models.tensor_check import TensorMismatch, check_tensors

    try:
        check_tensors(header, request.max_bytes)
        loaded = load_generator(request.weights)
        if header.has_discriminator:
            discriminator = load_weights(request.weights).discriminator.items()
            named = {f"{DISCRIMINATOR_PREFIX}{name}": tensor for name, tensor in discriminator}
            require_finite(named, header.images_seen)
        sha256 = file_sha256(request.weights)
        write_onnx(onnx, loaded.generator, header.config, header.images_seen, sha256)
    except TensorMismatch as error:
        raise ImportRefused(f"the file {error}") from error
    except (CheckpointError, ExportError, NotFiniteError) as error:
        raise ImportRefused(str(error)) from error


if __name__ == "__main__":
    main()
