"""How fast a peer serves the service's own pictures, by each of its settings."""

import io
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.images.encoders import RECIPE_KEY
from benchmarks.harness.load import Load, load
from benchmarks.harness.processes import cpu_seconds, free_port, serving
from benchmarks.peers.assignment import Assignment, Setting
from benchmarks.peers.environments import programs
from benchmarks.peers.peer import Peer

WARM_UP_SECONDS = 2
SEED = 7  # of the picture that is compared


class AnotherPicture(Exception):
    """What a peer answers is not what the service answers."""


@dataclass(frozen=True)
class Result:
    """One setting, and what came of it."""

    setting: Setting
    load: Load
    cpu: float  # seconds to each request, of all its processes

    def __str__(self) -> str:
        return f"{self.load}, {self.cpu * 1e3:.2f} ms of CPU each: {self.setting}"


def measure(
    peer: Peer,
    checkpoint: ServedCheckpoint,
    file: Path,
    picture: bytes,
    *,
    connections: int,
    seconds: int,
) -> Iterator[Result]:
    """Its settings, one after the other. `file` is the checkpoint's, `picture` what the service
    answers for SEED. Raises NotInstalled, NotStarted, AnotherPicture.
    """
    own = Path(sys.executable).parent
    folder = programs(peer.requirements) if peer.requirements else own
    for setting in peer.settings:
        told = Assignment(free_port(), asdict(checkpoint), str(file), setting)
        with (
            TemporaryDirectory(prefix="moggy-peer-") as temporary,
            serving(
                peer.command(folder, told.port),
                port=told.port,
                ready=peer.ready,
                log=Path(temporary) / "log",
                environment=told.environment(),
            ) as server,
        ):
            compare(peer.picture(peer.request.ask(told.port, SEED).body), picture)
            load(told.port, peer.request, connections=connections, seconds=WARM_UP_SECONDS)
            before = cpu_seconds(server.pid)
            made = load(told.port, peer.request, connections=connections, seconds=seconds)
            used = cpu_seconds(server.pid) - before
            yield Result(setting, made, used / made.requests)


def compare(theirs: bytes, ours: bytes) -> None:
    """The same recipe, and pixels within one level: kernels are chosen by the batch's shape.

    Raises AnotherPicture.
    """
    pictures = [Image.open(io.BytesIO(data)) for data in (theirs, ours)]
    recipes = [picture.info.get(RECIPE_KEY) for picture in pictures]
    if recipes[0] != recipes[1]:
        raise AnotherPicture(f"its recipe is {recipes[0]}, not {recipes[1]}")
    their_pixels, our_pixels = (np.asarray(picture).astype(int) for picture in pictures)
    if their_pixels.shape != our_pixels.shape:
        raise AnotherPicture(f"its picture is {their_pixels.shape}, not {our_pixels.shape}")
    if (off := int(abs(their_pixels - our_pixels).max())) > 1:
        raise AnotherPicture(f"its picture differs by {off} levels")
