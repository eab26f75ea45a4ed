"""The process that generates for the API, a thread for each core:
`python -m app.serving.generation_process DESCRIPTOR...`.

Python runs one thread of a process at a time. Beside the event loop, threads that generate waited
for it, and it for them, a tenth of the time; here they have a process to themselves.

It answers the messages of `app.serving.generation` on each of the connections whose descriptors it
is given, on the first whatever takes long, and ends as soon as one of them closes.
"""

import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from app.serving.cores import compute_alone
from app.serving.generation import Batch, Encode, Failure, Load, Made, Message, Picture, Unreadable
from app.serving.process import collect_seldom
from models.checkpoint import CheckpointError, load_generator
from models.memory import release_freed_memory
from models.rendering import Renderer
from models.samples import Sample


def main(descriptors: Sequence[int]) -> None:
    # What ends the API ends this too, but not before the API has answered who waits.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    collect_seldom()
    models = Models()
    first, *others = (Connection(descriptor) for descriptor in descriptors)
    for connection in others:
        threading.Thread(target=_answer, args=(connection, models, compute_alone)).start()
    _answer(first, models)


def _answer(
    connection: "Connection[Any, Any]",
    models: "Models",
    prepare: Callable[[], None] = lambda: None,
) -> None:
    """Until the connection closes; then, or if it cannot go on, the whole process ends."""
    status = 1
    try:
        prepare()
        while True:
            gone, message = connection.recv()
            models.forget(gone)
            connection.send(_answered(models, message))
    except (EOFError, ConnectionError):
        status = 0
    except BaseException:  # noqa: BLE001  # nobody else would say so
        traceback.print_exc()
    finally:
        os._exit(status)


def _answered(models: "Models", message: Message) -> Any:
    try:
        match message:
            case Load(number, path):
                return models.find(number, path).bytes
            case Batch(number, path, samples, encoders):
                return make(models.find(number, path), samples, encoders)
    except Exception as error:  # noqa: BLE001  # raised where it was asked for
        return Failure(_portable(error))


class Models:
    """Renderers by the numbers that the API has given them."""

    def __init__(self) -> None:
        self._loaded: dict[int, Renderer] = {}
        self._loading = threading.Lock()

    def find(self, number: int, path: Path) -> Renderer:
        """Loaded if it is not yet: the process may be another than the one asked to load it.

        Nobody waits for the loading of another's. Raises Unreadable.
        """
        return self._loaded.get(number) or self._load(number, path)

    def forget(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._loaded.pop(number, None)
        if numbers:
            release_freed_memory()

    def _load(self, number: int, path: Path) -> Renderer:
        with self._loading:
            if number not in self._loaded:
                try:
                    self._loaded[number] = Renderer(load_generator(path))
                except (CheckpointError, OSError) as exc:
                    raise Unreadable(str(exc)) from exc
                finally:
                    release_freed_memory()
            return self._loaded[number]


def make(
    renderer: Renderer, samples: list[Sample], encoders: Sequence[Encode | None]
) -> list[Made]:
    """A batch's pictures: each as its pixels, or as the file that its encoder makes of them, or
    the error that it raises instead."""
    pictures = zip(renderer.render(samples), encoders, strict=True)
    return [_file(pixels, encode) if encode else pixels for pixels, encode in pictures]


def _file(pixels: Picture, encode: Encode) -> bytes | Exception:
    try:
        return encode(pixels)
    except Exception as error:  # noqa: BLE001  # raised where it was asked for
        return _portable(error)


def _portable(error: Exception) -> Exception:
    """The error as it can be sent, with where it came from."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001  # whatever it is that it cannot be sent with
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
