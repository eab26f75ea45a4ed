"""The speed of serving, beside its limit, the state before ONNX Runtime, and other tools.

`python -m benchmarks.serving`. Runs a real API on loopback with a temporary home and 64×64
generators of width 32 with random weights. The API of an earlier commit, which generates with
PyTorch, runs from a second checkout with the same weights. The clients run on the same cores. 32
kept connections request single images, each time with another seed. Both APIs are measured before,
between and after the peers, and the medians count; the limit is measured before and after. A slower
machine thus slows down all of them. The fastest of each peer's settings counts.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.domain.settings import Settings
from app.domain.store import ObjectStore
from benchmarks.harness import machine
from benchmarks.harness.api import temporary_settings
from benchmarks.harness.editions import PRESENT, Edition, NotAvailable, earlier_edition
from benchmarks.harness.figures import TITLE, Figure, format_number
from benchmarks.harness.in_process import in_process_rate
from benchmarks.harness.processes import NotStarted, exit_on_sigterm
from benchmarks.harness.request import single_image
from benchmarks.harness.service import (
    CONNECTIONS,
    FIRST_SEED,
    MORPH_FRAMES,
    Measured,
    Service,
    cached_rate,
    grid_milliseconds,
    lone_median,
    morph_milliseconds,
    paced_p99,
    resident_with_models,
)
from benchmarks.peers.environments import NotInstalled
from benchmarks.peers.measuring import SEED, DifferentImage, Result, measure
from benchmarks.peers.peer import PEERS, Peer
from models.seeds import latents_from_seeds

MODELS = 10
STARTS = 3  # of `moggy up`
LATENTS, LATENT_DIM, LATENT_TURNS = 10_000, 100, 9
WANTED_TIMES_EARLIER, WANTED_SHARE = 1.35, 78
WANTED_READY_SECONDS, WANTED_FIRST_SECONDS = 2.5, 0.4
WANTED_MIB, WANTED_LATENTS_MS = 260, 50


@dataclass(frozen=True)
class Measurement:
    """A figure of a running API, and its target."""

    name: str
    unit: str
    wanted: float
    at_most: bool
    of: Callable[[Service], Measured]


MEASUREMENTS = (
    Measurement("p99 at half that rate", "ms", 25, True, paced_p99),
    Measurement("a lone image, p50", "ms", 3, True, lone_median),
    Measurement("cached repeat", "/s", 8000, False, cached_rate),
    Measurement(f"morph, {MORPH_FRAMES} frames, cold", "ms", 60, True, morph_milliseconds),
    Measurement("grid of 64", "ms", 40, True, grid_milliseconds),
)


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    exit_on_sigterm()
    print(
        f"machine  {machine.describe()}; load {os.getloadavg()[0]:.1f} before the run", flush=True
    )
    with editions(options.earlier) as compared:
        figures = [
            *api_figures(compared, options.peers, options.seconds),
            *start_figures(compared),
            memory_figure(compared),
            latents_figure(),
        ]
    print(f"\n{TITLE}")
    for figure in figures:
        print(figure.row())


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = list(dict.fromkeys(peer.name for peer in PEERS))
    parser.add_argument("--peers", nargs="*", choices=names, default=names)
    parser.add_argument("--seconds", type=int, default=6, help="of each measurement")
    parser.add_argument(
        "--earlier",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="compare with the earlier state",
    )
    return parser.parse_args(arguments)


@contextmanager
def editions(with_earlier: bool) -> Iterator[list[Edition]]:
    """The present state, and the earlier one where the repository's history has it."""
    with ExitStack() as stack:
        compared = [PRESENT]
        if with_earlier:
            try:
                compared.append(stack.enter_context(earlier_edition()))
            except NotAvailable as error:
                print(f"The state before is not measured: {error}", flush=True)
        yield compared


def api_figures(compared: list[Edition], peers: list[str], seconds: int) -> list[Figure]:
    """The figures of one running API of each state."""
    with ExitStack() as stack:
        homes = [stack.enter_context(temporary_settings()) for _ in compared]
        checkpoints = [
            edition.register(settings)[0] for edition, settings in zip(compared, homes, strict=True)
        ]
        if len({checkpoint.sha256 for checkpoint in checkpoints}) > 1:
            raise SystemExit("the states made different checkpoints of the same weights")
        limits = [in_process_rate(homes[0], checkpoints[0], seconds)]
        services = [
            Service(stack.enter_context(edition.run_api(settings)), checkpoint, seconds)
            for edition, settings, checkpoint in zip(compared, homes, checkpoints, strict=True)
        ]
        singles_again(services)
        against = peer_figures(services, homes[0], peers)
        singles = single_figures(services)
        others = [
            compared_figure(measurement, [measurement.of(service) for service in services])
            for measurement in MEASUREMENTS
        ]
        limits.append(in_process_rate(homes[0], checkpoints[0], seconds))
    return [*singles, limit_figure(services[0], limits), *against, *others]


def singles_again(services: list[Service]) -> None:
    for service in services:
        service.again()


def single_figures(services: list[Service]) -> list[Figure]:
    present, *earlier = services
    figures = [Figure("single 64×64 PNG", present.rate, "/s", note=str(present))]
    for service in earlier:
        times = present.rate / service.rate
        note = f"{service.rate:,.0f}/s: {service}"
        figures.append(
            Figure("times the state before", times, "×", WANTED_TIMES_EARLIER, note=note)
        )
    return figures


def limit_figure(service: Service, limits: list[float]) -> Figure:
    measured = " and ".join(f"{limit:,.0f}" for limit in limits)
    note = f"limit {measured}/s, before and after: ONNX Runtime and encoder in-process"
    share = 100 * service.rate / statistics.mean(limits)
    return Figure("of the limit", share, "%", WANTED_SHARE, note=note)


def compared_figure(measurement: Measurement, measured: list[Measured]) -> Figure:
    """The figure of the present state, with the earlier one's value in its note."""
    return Figure(
        measurement.name,
        measured[0].value,
        measurement.unit,
        measurement.wanted,
        measurement.at_most,
        _note(measurement.unit, measured),
    )


def _note(unit: str, measured: list[Measured]) -> str:
    present, *earlier = measured
    before = [f"before: {format_number(value)} {unit}" for value, _ in earlier]
    return "; ".join([*before, *([present.note] if present.note else [])])


def peer_figures(services: list[Service], settings: Settings, names: list[str]) -> list[Figure]:
    """The service's rate as a multiple of each peer's; the service is measured again after each."""
    present = services[0]
    expected = present.single.send(present.port, SEED).body
    file = ObjectStore(settings).local_copy(present.checkpoint.key)
    best: list[tuple[Peer, Result]] = []
    for peer in (peer for peer in PEERS if peer.name in names):
        results = measure_peer(peer, file, expected, present.seconds)
        if results:
            best.append((peer, max(results, key=lambda result: result.load.rate)))
        singles_again(services)
    return [
        Figure(
            f"times {peer.name}, {peer.variant}",
            present.rate / result.load.rate,
            "×",
            peer.wanted,
            note=str(result),
        )
        for peer, result in best
    ]


def measure_peer(peer: Peer, file: Path, expected: bytes, seconds: int) -> list[Result]:
    """Measure each setting of a peer and print it; those that cannot be measured are named."""
    results: list[Result] = []
    try:
        for result in measure(peer, file, expected, connections=CONNECTIONS, seconds=seconds):
            print(f"{peer.title:28} {result}", flush=True)
            results.append(result)
    except (NotInstalled, NotStarted, DifferentImage) as error:
        left_out = " further" if results else ""
        print(f"{peer.title:28} not measured{left_out}: {error}", flush=True)
    return results


def start_figures(compared: list[Edition]) -> list[Figure]:
    """The start of `moggy up` with a home that exists, and the first image of a model after it."""
    ready: list[list[float]] = [[] for _ in compared]
    first: list[list[float]] = [[] for _ in compared]
    with ExitStack() as stack:
        homes = [stack.enter_context(temporary_settings()) for _ in compared]
        requests = [
            single_image(edition.register(settings)[0])
            for edition, settings in zip(compared, homes, strict=True)
        ]
        for _ in range(STARTS):
            for number, (edition, settings) in enumerate(zip(compared, homes, strict=True)):
                with edition.run_up(settings) as server:
                    started = time.perf_counter()
                    answer = requests[number].send(server.port, FIRST_SEED)
                    first[number].append(time.perf_counter() - started)
                if answer.status != 200:
                    raise SystemExit(f"the first image answered {answer.status}: {answer.body!r}")
                ready[number].append(server.seconds)
    starts, images = (
        [Measured(statistics.median(times), _each(times)) for times in column]
        for column in (ready, first)
    )
    return [
        Figure(name, measured[0].value, "s", wanted, True, _note("s", measured))
        for name, wanted, measured in (
            ("moggy up is ready", WANTED_READY_SECONDS, starts),
            ("first image after it", WANTED_FIRST_SECONDS, images),
        )
    ]


def _each(seconds: list[float]) -> str:
    return "each " + ", ".join(f"{value:.2f}" for value in seconds)


def memory_figure(compared: list[Edition]) -> Figure:
    """The resident memory of a fresh API with all its processes."""
    measured = []
    for edition in compared:
        with temporary_settings() as settings:
            checkpoints = edition.register(settings, MODELS)
            with edition.run_api(settings) as server:
                measured.append(resident_with_models(server, checkpoints))
    name = f"memory with {MODELS} models"
    return Figure(name, measured[0].value, "MiB", WANTED_MIB, True, _note("MiB", measured))


def latents_figure() -> Figure:
    """The latents of many seeds, in one thread."""
    taken = []
    for turn in range(LATENT_TURNS):
        started = time.thread_time()
        latents_from_seeds(range(turn * LATENTS, (turn + 1) * LATENTS), LATENT_DIM)
        taken.append(time.thread_time() - started)
    name = f"{LATENTS:,} latents of {LATENT_DIM}"
    milliseconds = 1e3 * statistics.median(taken)
    return Figure(name, milliseconds, "ms", WANTED_LATENTS_MS, True, "CPU time of one thread")


if __name__ == "__main__":
    main()
