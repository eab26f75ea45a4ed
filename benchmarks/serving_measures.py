"""What is measured of a running API beside the rate of single images; times are seconds."""

import statistics
import time
from array import array
from dataclasses import dataclass

from app.domain.images.checkpoint import ServedCheckpoint
from benchmarks.load import Load, load
from benchmarks.pacing import Outcome, Pace, pace
from benchmarks.processes import memory
from benchmarks.request import NUMBER, Request

PACED_CONNECTIONS = 256
MORPH_FRAMES, GRID_IMAGES = 60, 64
SHORT_SECONDS = 3


def single_image(checkpoint: ServedCheckpoint) -> Request:
    return Request(f"/v1/models/{checkpoint.model}/images/{NUMBER}.png")


def grid_of_images(checkpoint: ServedCheckpoint) -> Request:
    body = f'{{"count": {GRID_IMAGES}, "seed": 1{NUMBER}000, "format": "grid"}}'
    return Request(f"/v1/models/{checkpoint.model}/images", body)


@dataclass(frozen=True)
class Paced:
    """How a steady rate was answered, and what the client did meanwhile."""

    rate: float
    p99: float
    errors: int
    client: Pace

    def __str__(self) -> str:
        late = self.client.late_p99 * 1e3
        return (
            f"{self.rate:,.0f}/s, open loop, {self.errors} errors; the client took "
            f"{self.client.cores:.0%} of a core and was late by {late:.1f} ms at its p99"
        )


def at_rate(port: int, request: Request, rate: float, seconds: float) -> Paced:
    """Latencies at a rate that does not wait for answers."""
    errors = 0
    latencies: array[float] = array("d")

    def note(outcome: Outcome) -> None:
        nonlocal errors
        latencies.append(outcome.latency)
        errors += outcome.status != 200

    client = pace(
        port, request.render, note, rate=rate, seconds=seconds, connections=PACED_CONNECTIONS
    )
    ordered = sorted(latencies)
    return Paced(rate, ordered[int(0.99 * len(ordered))], errors + client.held_back, client)


def repeated(port: int, checkpoint: ServedCheckpoint, connections: int) -> Load:
    """One image of a checkpoint that is named, asked for by who has it."""
    path = f"/v1/models/{checkpoint.model}/images/1.png?checkpoint={checkpoint.id}"
    tag = Request(path).ask(port, 1).headers["etag"]
    again = Request(path, headers={"If-None-Match": tag})
    assert again.ask(port, 1).status == 304
    return load(port, again, connections=connections, seconds=SHORT_SECONDS)


def morph(port: int, checkpoint: ServedCheckpoint, times: int) -> float:
    """The median time of an animated WebP between two seeds that nobody has asked for."""
    frames = f"frames={MORPH_FRAMES}"
    path = f"/v1/models/{checkpoint.model}/interpolations/{NUMBER}-1{NUMBER}.webp?{frames}"
    return _median(port, Request(path), times)


def grid(port: int, checkpoint: ServedCheckpoint, times: int) -> float:
    """The median time of one PNG of many images."""
    return _median(port, grid_of_images(checkpoint), times)


def _median(port: int, request: Request, times: int) -> float:
    taken = []
    for number in range(1000, 1000 + times):
        started = time.perf_counter()
        answer = request.ask(port, number)
        taken.append(time.perf_counter() - started)
        if answer.status != 200:
            raise SystemExit(f"{request.path} answered {answer.status}: {answer.body[:300]!r}")
    return statistics.median(taken)


def memory_with(port: int, pid: int, checkpoints: list[ServedCheckpoint]) -> dict[str, int]:
    """Bytes of the API's processes once it has made a grid and an image of each of the models."""
    for checkpoint in checkpoints:
        grid(port, checkpoint, times=1)
        _median(port, single_image(checkpoint), times=1)
    return memory(pid)
