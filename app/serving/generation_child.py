"""The child process that generates for the API, with a thread for each core:
`python -m app.serving.generation_child DESCRIPTOR...`.

Python runs one thread of a process at a time. When the API's own process generated, its threads and
the event loop waited for each other a tenth of the time.

Each descriptor is a connection with a thread that answers its commands one by one. The first
connection carries slow commands. When a connection closes, the API has ended, and this process ends
too.
"""

import hashlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from app.domain.images.encoders import encode_with_text
from app.serving.generation_messages import (
    Answer,
    CheckpointFile,
    Command,
    Failure,
    FileEncoding,
    Picture,
    RenderResult,
    Unreadable,
    receive_command,
    send_answer,
)
from app.serving.process_settings import collect_garbage_rarely, use_one_core
from models.checkpoint import CheckpointError, load_generator
from models.rendering import Renderer
from models.resources import release_freed_memory
from models.samples import Sample


def main(descriptors: Sequence[int]) -> None:
    # A signal to all processes of the service must not end this one before the API, which first
    # answers its waiting requests.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    collect_garbage_rarely()
    renderers = Renderers()
    first, *others = (Connection(descriptor) for descriptor in descriptors)
    for connection in others:
        threading.Thread(target=_serve, args=(connection, renderers, use_one_core)).start()
    _serve(first, renderers)


def _serve(
    connection: "Connection[Any, Any]",
    renderers: "Renderers",
    prepare: Callable[[], None] = lambda: None,
) -> None:
    """Answer commands until the connection closes or fails; then end the whole process."""
    status = 1
    try:
        prepare()
        while True:
            send_answer(connection, run_command(renderers, receive_command(connection)))
    except (EOFError, ConnectionError):
        status = 0
    except BaseException:  # noqa: BLE001  # os._exit would hide it
        traceback.print_exc()
    finally:
        os._exit(status)


class Renderers:
    """Loaded generators by the numbers that the API gives them."""

    def __init__(self) -> None:
        self._loaded: dict[int, Renderer] = {}
        self._loading = threading.Lock()

    def find(self, checkpoint_file: CheckpointFile) -> Renderer:
        """The renderer, loaded if it is not yet, since the process may have restarted.

        Finding a loaded renderer does not wait while another one loads. Raises Unreadable.
        """
        return self._loaded.get(checkpoint_file.number) or self._load(checkpoint_file)

    def free(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._loaded.pop(number, None)
        if numbers:
            release_freed_memory()

    def _load(self, checkpoint_file: CheckpointFile) -> Renderer:
        with self._loading:
            if checkpoint_file.number not in self._loaded:
                self._loaded[checkpoint_file.number] = _read(
                    Path(checkpoint_file.path), checkpoint_file.sha256
                )
            return self._loaded[checkpoint_file.number]


def _read(path: Path, sha256: str) -> Renderer:
    try:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != sha256:
            raise Unreadable(f"is damaged: its sha256 is {actual}, not {sha256}")
        return Renderer(load_generator(path))
    except FileNotFoundError as exc:
        raise Unreadable("is not in the object store") from exc
    except (CheckpointError, OSError) as exc:
        raise Unreadable(f"cannot be loaded: {exc}") from exc
    finally:
        release_freed_memory()


def run_command(renderers: Renderers, command: Command) -> Answer:
    """Run a command. Errors become part of the answer."""
    try:
        renderers.free(command.dropped)
        if command.checkpoint_file is None:
            return Answer()
        renderer = renderers.find(command.checkpoint_file)
        return Answer(renderer.bytes, _render(renderer, [*command.samples], command.files))
    except Unreadable as error:
        return Answer(reason=str(error), unreadable=True)
    except Exception as error:  # noqa: BLE001  # raised in the API's process
        return Answer(reason=_describe(error), trace=traceback.format_exc())


def _render(
    renderer: Renderer, samples: list[Sample], files: Sequence[FileEncoding | None]
) -> list[RenderResult]:
    if not samples:
        return []
    pictures = zip(renderer.render(samples), files, strict=True)
    return [_encode(pixels, file) if file else pixels for pixels, file in pictures]


def _encode(pixels: Picture, file: FileEncoding) -> bytes | Failure:
    try:
        return encode_with_text(pixels, file.image_format, file.recipe)
    except Exception as error:  # noqa: BLE001  # raised in the API's process
        return Failure(_describe(error), traceback.format_exc())


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
