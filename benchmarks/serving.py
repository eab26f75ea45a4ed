"""The speed of serving, beside its upper limit and other tools, with a target for each figure.

`python -m benchmarks.serving`. Runs a real API on loopback with a temporary home and 64×64
generators of width 32 with random weights. The clients run on the same cores. 32 kept connections
request single images, each time with another seed. This is measured before, between and after the
peers, and the median counts; the limit is measured before and after. A slower machine thus slows
down all of them. Each peer serves the same generator and encoder, with the fastest of its settings.
"""

import argparse
import os
import statistics
import time
from array import array
from dataclasses import dataclass
from pathlib import Path

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.settings import Settings
from app.domain.store import ObjectStore
from benchmarks.harness import machine
from benchmarks.harness.api import register_models, run_api, temporary_settings
from benchmarks.harness.figures import TITLE, Figure
from benchmarks.harness.in_process import in_process_rate
from benchmarks.harness.load import Load, load
from benchmarks.harness.pacing import Outcome, Pace, pace
from benchmarks.harness.processes import (
    NotStarted,
    Server,
    cpu_seconds,
    exit_on_sigterm,
    memory_bytes,
)
from benchmarks.harness.request import NUMBER, Request, grid_of_images, single_image
from benchmarks.peers.environments import NotInstalled
from benchmarks.peers.measuring import SEED, DifferentImage, Result, measure
from benchmarks.peers.peer import PEERS, Peer

CONNECTIONS = 32
WARM_UP_SECONDS = 3
MODELS = 10
REPEATS = 9  # of requests that are measured alone
WANTED_SHARE, WANTED_REPEATS = 75, 8000
WANTED_P99_MS, WANTED_MORPH_MS, WANTED_GRID_MS, WANTED_MIB = 25, 120, 60, 900
PACED_CONNECTIONS = 256
MORPH_FRAMES = 60
CACHED_SECONDS = 3


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    exit_on_sigterm()
    print(
        f"machine  {machine.describe()}; load {os.getloadavg()[0]:.1f} before the run", flush=True
    )
    with temporary_settings() as settings:
        (checkpoint,) = register_models(settings)
        limits = [in_process_rate(settings, checkpoint, options.seconds / 2)]
        with run_api(settings) as server:
            print(f"API      answered {server.seconds:.1f} s after its start", flush=True)
            singles = Singles(server, checkpoint, options.seconds)
            single = single_process_figures(singles)
            against = peer_figures(singles, settings, options.peers)
        limits.append(in_process_rate(settings, checkpoint, options.seconds / 2))
    print(f"\n{TITLE}")
    for figure in [*singles.figures(limits), *against, *single, memory_figure()]:
        print(figure.row())


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [peer.name for peer in PEERS]
    parser.add_argument("--peers", nargs="*", choices=names, default=names)
    parser.add_argument("--seconds", type=int, default=6, help="of each measurement")
    return parser.parse_args(arguments)


class Singles:
    """Repeated measurements of single images over kept connections."""

    def __init__(self, server: Server, checkpoint: GeneratorCheckpoint, seconds: int) -> None:
        self.port, self.checkpoint, self.seconds = server.port, checkpoint, seconds
        self.request = single_image(checkpoint)
        self.turns: list[Load] = []
        self._pid, self._cpu = server.pid, 0.0
        self.request.send(self.port, SEED)  # loads the generator
        self._load(WARM_UP_SECONDS)
        self.again()

    def again(self) -> None:
        before = cpu_seconds(self._pid)
        self.turns.append(self._load(self.seconds))
        self._cpu += cpu_seconds(self._pid) - before

    @property
    def rate(self) -> float:
        return statistics.median(turn.rate for turn in self.turns)

    def figures(self, limits: list[float]) -> list[Figure]:
        rates = [turn.rate for turn in self.turns]
        p99 = statistics.median(turn.p99 for turn in self.turns)
        errors = sum(turn.errors for turn in self.turns)
        cpu = self._cpu / sum(turn.requests for turn in self.turns)
        note = (
            f"{self.turns[0].client}, {CONNECTIONS} connections: {min(rates):,.0f} to "
            f"{max(rates):,.0f}/s in {len(rates)} turns, p99 {p99 * 1e3:.0f} ms, {errors} errors, "
            f"{cpu * 1e3:.2f} ms of CPU each"
        )
        mean_limit = statistics.mean(limits)
        measured = " and ".join(f"{limit:,.0f}" for limit in limits)
        share = f"limit {measured}/s, before and after: generator and encoder in-process"
        return [
            Figure("single 64×64 PNG", self.rate, "/s", note=note),
            Figure("of the limit", 100 * self.rate / mean_limit, "%", WANTED_SHARE, note=share),
        ]

    def _load(self, seconds: int) -> Load:
        return load(self.port, self.request, connections=CONNECTIONS, seconds=seconds)


def peer_figures(singles: Singles, settings: Settings, names: list[str]) -> list[Figure]:
    """The service's rate as a multiple of each peer's; the service is measured again after each."""
    expected = singles.request.send(singles.port, SEED).body
    file = ObjectStore(settings).local_copy(singles.checkpoint.key)
    best: list[tuple[Peer, Result]] = []
    for peer in (peer for peer in PEERS if peer.name in names):
        results = measure_peer(peer, singles.checkpoint, file, expected, singles.seconds)
        if results:
            best.append((peer, max(results, key=lambda result: result.load.rate)))
        singles.again()
    return [
        Figure(
            f"times {peer.title}",
            singles.rate / result.load.rate,
            "×",
            peer.wanted,
            note=str(result),
        )
        for peer, result in best
    ]


def measure_peer(
    peer: Peer, checkpoint: GeneratorCheckpoint, file: Path, expected: bytes, seconds: int
) -> list[Result]:
    """Measure each setting of a peer and print it; empty if the peer cannot be measured."""
    results: list[Result] = []
    try:
        for result in measure(
            peer, checkpoint, file, expected, connections=CONNECTIONS, seconds=seconds
        ):
            print(f"{peer.title:16} {result}", flush=True)
            results.append(result)
    except (NotInstalled, NotStarted, DifferentImage) as error:
        print(f"{peer.title:16} not measured: {error}", flush=True)
    return results


def single_process_figures(singles: Singles) -> list[Figure]:
    """The other figures of one API process."""
    port, checkpoint = singles.port, singles.checkpoint
    paced = measure_paced(port, singles.request, singles.rate / 2, singles.seconds)
    repeats = measure_cached(port, checkpoint, CONNECTIONS)
    morph = morph_seconds(port, checkpoint, REPEATS)
    grid = grid_seconds(port, checkpoint, REPEATS)
    return [
        Figure("p99 at half that rate", 1e3 * paced.p99, "ms", WANTED_P99_MS, True, str(paced)),
        Figure("cached repeat", repeats.rate, "/s", WANTED_REPEATS, note="304, If-None-Match"),
        Figure("morph, 60 frames, cold", 1e3 * morph, "ms", WANTED_MORPH_MS, True, "WebP, 64×64"),
        Figure("grid of 64", 1e3 * grid, "ms", WANTED_GRID_MS, True, "one PNG, alone"),
    ]


def memory_figure() -> Figure:
    """The memory of a fresh API process and its generation process."""
    with temporary_settings() as settings:
        checkpoints = register_models(settings, MODELS)
        with run_api(settings) as server:
            used = memory_with(settings.port, server.pid, checkpoints)
    resident, shared = (used[name] / 2**20 for name in ("Rss", "Pss"))
    note = f"of both processes; {shared:,.0f} MiB with shared pages counted once"
    return Figure(f"memory with {MODELS} models", resident, "MiB", WANTED_MIB, True, note)


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


def measure_cached(port: int, checkpoint: GeneratorCheckpoint, connections: int) -> Load:
    """Measure an image of a named checkpoint, requested with its ETag: 304 each time."""
    path = f"/v1/models/{checkpoint.model}/images/1.png?checkpoint={checkpoint.id}"
    tag = Request(path).send(port, 1).headers["etag"]
    again = Request(path, headers={"If-None-Match": tag})
    assert again.send(port, 1).status == 304
    return load(port, again, connections=connections, seconds=CACHED_SECONDS)


def morph_seconds(port: int, checkpoint: GeneratorCheckpoint, times: int) -> float:
    """The median seconds of an uncached animated WebP between two seeds."""
    frames = f"frames={MORPH_FRAMES}"
    path = f"/v1/models/{checkpoint.model}/interpolations/{NUMBER}-1{NUMBER}.webp?{frames}"
    return _median_seconds(port, Request(path), times)


def grid_seconds(port: int, checkpoint: GeneratorCheckpoint, times: int) -> float:
    """The median seconds of a grid of GRID_IMAGES images in one PNG."""
    return _median_seconds(port, grid_of_images(checkpoint), times)


def _median_seconds(port: int, request: Request, times: int) -> float:
    taken = []
    for number in range(1000, 1000 + times):
        started = time.perf_counter()
        answer = request.send(port, number)
        taken.append(time.perf_counter() - started)
        if answer.status != 200:
            raise SystemExit(f"{request.path} answered {answer.status}: {answer.body[:300]!r}")
    return statistics.median(taken)


def memory_with(port: int, pid: int, checkpoints: list[GeneratorCheckpoint]) -> dict[str, int]:
    """Memory of the API's processes after a grid and an image of each checkpoint, in bytes."""
    for checkpoint in checkpoints:
        grid_seconds(port, checkpoint, times=1)
        _median_seconds(port, single_image(checkpoint), times=1)
    return memory_bytes(pid)


if __name__ == "__main__":
    main()
