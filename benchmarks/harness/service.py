"""Measurements of a running API that serves a 64×64 generator."""

import statistics
import time
from array import array
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.images.checkpoint import GeneratorCheckpoint
from benchmarks.harness.load import Load, load
from benchmarks.harness.pacing import Outcome, Pace, pace
from benchmarks.harness.processes import Server, cpu_seconds, memory_bytes
from benchmarks.harness.request import NUMBER, Request, grid_of_images, single_image

CONNECTIONS = 32
PACED_CONNECTIONS = 256
WARM_UP_SECONDS = 3
SHORT_SECONDS = 3  # of the cached and of the lone requests
REPEATS = 9  # of requests that are measured one by one
MORPH_FRAMES = 60
FIRST_SEED = 7


class Measured(NamedTuple):
    value: float
    note: str = ""


class Service:
    """A running API and repeated measurements of its single images over kept connections."""

    def __init__(self, server: Server, checkpoint: GeneratorCheckpoint, seconds: int) -> None:
        self.port, self.checkpoint, self.seconds = server.port, checkpoint, seconds
        self.single = single_image(checkpoint)
        self.turns: list[Load] = []
        self._pid, self._cpu = server.pid, 0.0
        self.single.send(self.port, FIRST_SEED)  # loads the generator
        self._load(WARM_UP_SECONDS)

    def again(self) -> None:
        """Measure a turn of single images."""
        before = cpu_seconds(self._pid)
        self.turns.append(self._load(self.seconds))
        self._cpu += cpu_seconds(self._pid) - before

    @property
    def rate(self) -> float:
        return statistics.median(turn.rate for turn in self.turns)

    def __str__(self) -> str:
        rates = [turn.rate for turn in self.turns]
        p99 = statistics.median(turn.p99 for turn in self.turns)
        errors = sum(turn.errors for turn in self.turns)
        cpu = self._cpu / sum(turn.requests for turn in self.turns)
        return (
            f"{self.turns[0].client}, {CONNECTIONS} connections: {min(rates):,.0f} to "
            f"{max(rates):,.0f}/s in {len(rates)} turns, p99 {p99 * 1e3:.0f} ms, {errors} errors, "
            f"{cpu * 1e3:.2f} ms of CPU each"
        )

    def _load(self, seconds: int) -> Load:
        return load(self.port, self.single, connections=CONNECTIONS, seconds=seconds)


def paced_p99(service: Service) -> Measured:
    """p99 in ms at half the service's rate."""
    paced = measure_paced(service.port, service.single, service.rate / 2, service.seconds)
    return Measured(1e3 * paced.p99, str(paced))


def lone_median(service: Service) -> Measured:
    """The median ms of single images that one connection requests one after the other."""
    alone = load(service.port, service.single, connections=1, seconds=SHORT_SECONDS)
    return Measured(1e3 * alone.median, f"one connection, p99 {1e3 * alone.p99:.1f} ms")


def cached_rate(service: Service) -> Measured:
    """An image of a named checkpoint, requested with its ETag: 304 each time, per second."""
    checkpoint = service.checkpoint
    path = f"/v1/models/{checkpoint.model}/images/1.png?checkpoint={checkpoint.id}"
    tag = Request(path).send(service.port, 1).headers["etag"]
    again = Request(path, headers={"If-None-Match": tag})
    assert again.send(service.port, 1).status == 304
    cached = load(service.port, again, connections=CONNECTIONS, seconds=SHORT_SECONDS)
    return Measured(cached.rate, "304, If-None-Match")


def morph_milliseconds(service: Service) -> Measured:
    """An animated WebP between two seeds that were not requested before."""
    frames = f"frames={MORPH_FRAMES}"
    path = f"/v1/models/{service.checkpoint.model}/interpolations/{NUMBER}-1{NUMBER}.webp?{frames}"
    return Measured(1e3 * median_seconds(service.port, Request(path)), "WebP, 64×64")


def grid_milliseconds(service: Service) -> Measured:
    """A grid of 64 images in one PNG."""
    grid = grid_of_images(service.checkpoint)
    return Measured(1e3 * median_seconds(service.port, grid), "one PNG, alone")


def resident_with_models(server: Server, checkpoints: list[GeneratorCheckpoint]) -> Measured:
    """MiB of all the API's processes, after a grid and an image of each checkpoint."""
    for checkpoint in checkpoints:
        for request in (grid_of_images(checkpoint), single_image(checkpoint)):
            median_seconds(server.port, request, times=1)
    used = memory_bytes(server.pid)
    resident, shared = (used[name] / 2**20 for name in ("Rss", "Pss"))
    return Measured(resident, f"{shared:,.0f} MiB with shared pages counted once")


def median_seconds(port: int, request: Request, times: int | None = None) -> float:
    """The median of `times` requests (REPEATS by default), each over a new connection."""
    taken = []
    for number in range(1000, 1000 + (times or REPEATS)):
        started = time.perf_counter()
        answer = request.send(port, number)
        taken.append(time.perf_counter() - started)
        if answer.status != 200:
            raise SystemExit(f"{request.path} answered {answer.status}: {answer.body[:300]!r}")
    return statistics.median(taken)


@dataclass(frozen=True)
class Paced:
    """The latency at a steady rate, and the client's side of it."""

    rate: float
    p99: float
    errors: int
    client: Pace

    def __str__(self) -> str:
        late = self.client.late_p99 * 1e3
        return (
            f"{self.rate:,.0f}/s, open loop, {self.errors} errors; the client used "
            f"{self.client.cores:.0%} of a core and sent late by {late:.1f} ms at p99"
        )


def measure_paced(port: int, request: Request, rate: float, seconds: float) -> Paced:
    """Measure the latency at a steady rate, which does not wait for answers."""
    errors = 0
    latencies: array[float] = array("d")

    def record(outcome: Outcome) -> None:
        nonlocal errors
        latencies.append(outcome.latency)
        errors += outcome.status != 200

    client = pace(
        port, request.render, record, rate=rate, seconds=seconds, connections=PACED_CONNECTIONS
    )
    ordered = sorted(latencies)
    return Paced(rate, ordered[int(0.99 * len(ordered))], errors + client.held_back, client)
