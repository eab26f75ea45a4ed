"""The messages between the API and the generation process: JSON, followed by raw arrays.

Nothing is pickled, so neither side can run code that the other sends.
"""

import json
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.samples import Point, Sample

# json.dumps would create a new encoder at each call.
_to_json = json.JSONEncoder(separators=(",", ":")).encode

Picture = NDArray[np.uint8]  # (H, W, C)


class CheckpointFile(NamedTuple):
    """The file of a checkpoint. `number` identifies the generator that is loaded from it."""

    number: int
    path: str
    sha256: str


class FileEncoding(NamedTuple):
    """The format to encode a picture in, and its recipe as text."""

    image_format: str
    recipe: str


class Unreadable(Exception):
    """A checkpoint's file is missing or damaged. The message is a predicate: "is damaged"."""


class Failure(NamedTuple):
    """The error of a picture that could not be encoded as a file."""

    reason: str
    trace: str


RenderResult = Picture | bytes | Failure


class Command(NamedTuple):
    """Free the `dropped` generators, then generate the samples, each as a picture or as a file.

    Without samples the generator is only loaded. Without `checkpoint_file` nothing is loaded.
    """

    dropped: Sequence[int]
    checkpoint_file: CheckpointFile | None = None
    samples: Sequence[Sample] = ()
    files: Sequence[FileEncoding | None] = ()


class Answer(NamedTuple):
    """`bytes` is the size of the generator's weights. `reason` and `trace` describe an error;
    `unreadable` means that the checkpoint's file is its cause."""

    bytes: int = 0
    results: Sequence[RenderResult] = ()
    reason: str = ""
    trace: str = ""
    unreadable: bool = False


def send_command(connection: "Connection[Any, Any]", command: Command) -> None:
    points: list[Any] = []
    latents: list[bytes] = []
    for sample in command.samples:
        if isinstance(sample.point, np.ndarray):
            latents.append(sample.point.astype("<f4", copy=False).tobytes())
            points.append({"values": len(sample.point)})
        else:
            points.append(sample.point)
    labels = [sample.label for sample in command.samples]
    _send(
        connection,
        [command.dropped, command.checkpoint_file, points, labels, command.files],
        latents,
    )


def receive_command(connection: "Connection[Any, Any]") -> Command:
    (dropped, checkpoint_file, points, labels, files), arrays = _receive(connection)
    samples = [
        Sample(_point(point, arrays), label) for point, label in zip(points, labels, strict=True)
    ]
    return Command(
        dropped,
        checkpoint_file and CheckpointFile(*checkpoint_file),
        samples,
        [file and FileEncoding(*file) for file in files],
    )


def send_answer(connection: "Connection[Any, Any]", answer: Answer) -> None:
    kinds: list[Any] = []
    parts: list[bytes] = []
    for result in answer.results:
        if isinstance(result, Failure):
            kinds.append({"failure": result})
        elif isinstance(result, bytes):
            kinds.append(len(result))
            parts.append(result)
        else:
            kinds.append(result.shape)
            parts.append(result.tobytes())
    _send(connection, [answer.bytes, kinds, answer.reason, answer.trace, answer.unreadable], parts)


def receive_answer(connection: "Connection[Any, Any]") -> Answer:
    (weights, kinds, *others), arrays = _receive(connection)
    return Answer(weights, [_render_result(kind, arrays) for kind in kinds], *others)


def _point(point: Any, arrays: "_Arrays") -> Point:
    if isinstance(point, int):
        return point
    vector = np.frombuffer(arrays.take(4 * point["values"]), "<f4")
    return vector.copy()  # writable, which torch requires


def _render_result(kind: Any, arrays: "_Arrays") -> RenderResult:
    if isinstance(kind, int):
        return bytes(arrays.take(kind))
    if isinstance(kind, dict):
        return Failure(*kind["failure"])
    height, width, channels = kind
    data = arrays.take(height * width * channels)
    return np.frombuffer(data, np.uint8).reshape(height, width, channels)


class _Arrays:
    """The raw arrays of a message, taken one after the other."""

    def __init__(self, data: memoryview) -> None:
        self._data, self._taken = data, 0

    def take(self, count: int) -> memoryview:
        first, self._taken = self._taken, self._taken + count
        return self._data[first : self._taken]


def _send(connection: "Connection[Any, Any]", head: list[Any], parts: list[bytes]) -> None:
    text = _to_json(head).encode()
    connection.send_bytes(b"".join([len(text).to_bytes(4), text, *parts]))


def _receive(connection: "Connection[Any, Any]") -> tuple[list[Any], _Arrays]:
    data = memoryview(connection.recv_bytes())
    end = 4 + int.from_bytes(data[:4])
    return json.loads(str(data[4:end], "utf-8")), _Arrays(data[end:])
