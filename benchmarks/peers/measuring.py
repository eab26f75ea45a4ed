"""How fast a peer serves the same images as the service, with each of its settings."""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from app.domain.images.encoders import RECIPE_KEY
from benchmarks.harness.load import Load, load
from benchmarks.harness.processes import cpu_seconds, free_port, running_server
from benchmarks.peers.assignment import Assignment, Setting
from benchmarks.peers.environments import programs
from benchmarks.peers.peer import Peer

WARM_UP_SECONDS = 2
SEED = 7  # of the image that is compared


class DifferentImage(Exception):
    """A peer's image differs from the service's."""


@dataclass(frozen=True)
class Result:
    """A setting and its measured load."""

    setting: Setting
    load: Load
    cpu: float  # processor seconds per request, over all processes

    def __str__(self) -> str:
        return f"{self.load}, {self.cpu * 1e3:.2f} ms of CPU each: {self.setting}"


def measure(
    peer: Peer, file: Path, expected: bytes, *, connections: int, seconds: int
) -> Iterator[Result]:
    """Measure each setting. `file` is the checkpoint's safetensors, `expected` the service's PNG
    for SEED.

    Raises NotInstalled, NotStarted, DifferentImage.
    """
    own = Path(sys.executable).parent
    folder = programs(peer.requirements) if peer.requirements else own
    recipe = json.loads(Image.open(io.BytesIO(expected)).info[RECIPE_KEY])
    for setting in peer.settings:
        assignment = Assignment(free_port(), str(file), recipe, setting)
        with (
            TemporaryDirectory(prefix="moggy-peer-") as temporary,
            running_server(
                peer.command(folder, assignment.port),
                port=assignment.port,
                ready=peer.ready,
                log=Path(temporary) / "log",
                environment=assignment.environment(),
            ) as server,
        ):
            theirs = peer.png_of(peer.request.send(assignment.port, SEED).body)
            compare(theirs, expected, with_recipe=setting.encoder == "service")
            load(assignment.port, peer.request, connections=connections, seconds=WARM_UP_SECONDS)
            before = cpu_seconds(server.pid)
            made = load(assignment.port, peer.request, connections=connections, seconds=seconds)
            used = cpu_seconds(server.pid) - before
            yield Result(setting, made, used / made.requests)


def compare(theirs: bytes, expected: bytes, with_recipe: bool = True) -> None:
    """Check for pixels within one level, since another backend computes them, and for the same
    recipe. Raises DifferentImage.
    """
    images = [Image.open(io.BytesIO(data)) for data in (theirs, expected)]
    recipes = [image.info.get(RECIPE_KEY) for image in images]
    if with_recipe and recipes[0] != recipes[1]:
        raise DifferentImage(f"its recipe is {recipes[0]}, not {recipes[1]}")
    their_pixels, our_pixels = (np.asarray(image).astype(int) for image in images)
    if their_pixels.shape != our_pixels.shape:
        raise DifferentImage(f"its image is {their_pixels.shape}, not {our_pixels.shape}")
    if (off := int(abs(their_pixels - our_pixels).max())) > 1:
        raise DifferentImage(f"its image differs by {off} levels")
