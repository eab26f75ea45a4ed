"""What the API and the process that generates say to each other: JSON, and the numbers after it.

Nothing of it is pickled: neither side runs what the other sends.
"""

import json
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.samples import Point, Sample

_to_json = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps makes one at each call

Picture = NDArray[np.uint8]  # (H, W, C)


class Stored(NamedTuple):
    """A checkpoint's file; `number` stands for the generator that is loaded from it."""

    number: int
    path: str
    sha256: str


class File(NamedTuple):
    """What a picture is to be encoded as: the recipe is text already."""

    image_format: str
    recipe: str


class Unreadable(Exception):
    """A checkpoint's file is not there, or not what it should be; says how, without its subject."""


class Failure(NamedTuple):
    """A file could not be made of its picture."""

    reason: str
    trace: str


Made = Picture | bytes | Failure


class Asked(NamedTuple):
    """A batch to make of a generator: of each sample the picture, or a file of it. Without samples
    the generator is only loaded; without one, only what is `gone` is let go."""

    gone: Sequence[int]
    stored: Stored | None = None
    samples: Sequence[Sample] = ()
    files: Sequence[File | None] = ()


class Answer(NamedTuple):
    """`bytes`: of the generator's weights. `reason` and `trace` where nothing could be made;
    `unreadable`: for the file's sake."""

    bytes: int = 0
    made: Sequence[Made] = ()
    reason: str = ""
    trace: str = ""
    unreadable: bool = False


def send_asked(connection: "Connection[Any, Any]", asked: Asked) -> None:
    points: list[Any] = []
    latents: list[bytes] = []
    for sample in asked.samples:
        if isinstance(sample.point, np.ndarray):
            latents.append(sample.point.astype("<f4", copy=False).tobytes())
            points.append({"values": len(sample.point)})
        else:
            points.append(sample.point)
    labels = [sample.label for sample in asked.samples]
    _send(connection, [asked.gone, asked.stored, points, labels, asked.files], latents)


def receive_asked(connection: "Connection[Any, Any]") -> Asked:
    (gone, stored, points, labels, files), numbers = _receive(connection)
    samples = [
        Sample(_point(point, numbers), label) for point, label in zip(points, labels, strict=True)
    ]
    return Asked(gone, stored and Stored(*stored), samples, [one and File(*one) for one in files])


def send_answer(connection: "Connection[Any, Any]", answer: Answer) -> None:
    kinds: list[Any] = []
    parts: list[bytes] = []
    for one in answer.made:
        if isinstance(one, Failure):
            kinds.append({"failure": one})
        elif isinstance(one, bytes):
            kinds.append(len(one))
            parts.append(one)
        else:
            kinds.append(one.shape)
            parts.append(one.tobytes())
    _send(connection, [answer.bytes, kinds, answer.reason, answer.trace, answer.unreadable], parts)


def receive_answer(connection: "Connection[Any, Any]") -> Answer:
    (weights, kinds, *others), numbers = _receive(connection)
    return Answer(weights, [_made(kind, numbers) for kind in kinds], *others)


def _point(point: Any, numbers: "_Numbers") -> Point:
    if isinstance(point, int):
        return point
    return np.frombuffer(numbers.take(4 * point["values"]), "<f4").copy()  # torch wants its own


def _made(kind: Any, numbers: "_Numbers") -> Made:
    if isinstance(kind, int):
        return bytes(numbers.take(kind))
    if isinstance(kind, dict):
        return Failure(*kind["failure"])
    height, width, channels = kind
    data = numbers.take(height * width * channels)
    return np.frombuffer(data, np.uint8).reshape(height, width, channels)


class _Numbers:
    def __init__(self, data: memoryview) -> None:
        self._data, self._taken = data, 0

    def take(self, count: int) -> memoryview:
        first, self._taken = self._taken, self._taken + count
        return self._data[first : self._taken]


def _send(connection: "Connection[Any, Any]", head: list[Any], parts: list[bytes]) -> None:
    text = _to_json(head).encode()
    connection.send_bytes(b"".join([len(text).to_bytes(4), text, *parts]))


def _receive(connection: "Connection[Any, Any]") -> tuple[list[Any], _Numbers]:
    data = memoryview(connection.recv_bytes())
    end = 4 + int.from_bytes(data[:4])
    return json.loads(str(data[4:end], "utf-8")), _Numbers(data[end:])
