"""The process that generates for the API, a thread for each core:
`python -m app.serving.generation_child DESCRIPTOR...`.

Python runs one thread of a process at a time. Beside the event loop, threads that generate waited
for it, and it for them, a tenth of the time; here they have a process to themselves.

On each of the connections whose descriptors it is given it makes what it is asked, one batch at a
time; on the first whatever takes long. When one closes, the API has ended, and so does this.
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
    Asked,
    Failure,
    File,
    Made,
    Picture,
    Stored,
    Unreadable,
    receive_asked,
    send_answer,
)
from app.serving.process_settings import collect_garbage_rarely, use_one_core
from models.checkpoint import CheckpointError, load_generator
from models.rendering import Renderer
from models.resources import release_freed_memory
from models.samples import Sample


def main(descriptors: Sequence[int]) -> None:
    # Who stops all processes of a service lets the API answer first who waits.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    collect_garbage_rarely()
    models = Models()
    first, *others = (Connection(descriptor) for descriptor in descriptors)
    for connection in others:
        threading.Thread(target=_work, args=(connection, models, use_one_core)).start()
    _work(first, models)


def _work(
    connection: "Connection[Any, Any]",
    models: "Models",
    prepare: Callable[[], None] = lambda: None,
) -> None:
    """Until the connection closes; then, or if it cannot go on, the whole process ends."""
    status = 1
    try:
        prepare()
        while True:
            send_answer(connection, answer(models, receive_asked(connection)))
    except (EOFError, ConnectionError):
        status = 0
    except BaseException:  # noqa: BLE001  # nobody else would say so
        traceback.print_exc()
    finally:
        os._exit(status)


class Models:
    """Renderers by the numbers that the API has given them."""

    def __init__(self) -> None:
        self._loaded: dict[int, Renderer] = {}
        self._loading = threading.Lock()

    def find(self, stored: Stored) -> Renderer:
        """Loaded if it is not yet: the process may be another than the one asked to load it.

        Nobody waits for the loading of another's. Raises Unreadable.
        """
        return self._loaded.get(stored.number) or self._load(stored)

    def forget(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._loaded.pop(number, None)
        if numbers:
            release_freed_memory()

    def _load(self, stored: Stored) -> Renderer:
        with self._loading:
            if stored.number not in self._loaded:
                self._loaded[stored.number] = _read(Path(stored.path), stored.sha256)
            return self._loaded[stored.number]


def _read(path: Path, sha256: str) -> Renderer:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            raise Unreadable(f"is damaged: its sha256 is {found}, not {sha256}")
        return Renderer(load_generator(path))
    except FileNotFoundError as exc:
        raise Unreadable("is not in the object store") from exc
    except (CheckpointError, OSError) as exc:
        raise Unreadable(f"cannot be loaded: {exc}") from exc
    finally:
        release_freed_memory()


def answer(models: Models, asked: Asked) -> Answer:
    """What comes of it, whatever goes wrong."""
    try:
        models.forget(asked.gone)
        if asked.stored is None:
            return Answer()
        renderer = models.find(asked.stored)
        return Answer(renderer.bytes, _make(renderer, [*asked.samples], asked.files))
    except Unreadable as error:
        return Answer(reason=str(error), unreadable=True)
    except Exception as error:  # noqa: BLE001  # raised where it was asked for
        return Answer(reason=_in_words(error), trace=traceback.format_exc())


def _make(renderer: Renderer, samples: list[Sample], files: Sequence[File | None]) -> list[Made]:
    if not samples:
        return []
    pictures = zip(renderer.render(samples), files, strict=True)
    return [_encode(pixels, file) if file else pixels for pixels, file in pictures]


def _encode(pixels: Picture, file: File) -> bytes | Failure:
    try:
        return encode_with_text(pixels, file.image_format, file.recipe)
    except Exception as error:  # noqa: BLE001  # raised where it was asked for
        return Failure(_in_words(error), traceback.format_exc())


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
