"""The service under twice its capacity for minutes: `make soak` or `python -m benchmarks.soak`.

Runs the real API on loopback with one generator of width 32. Its capacity is measured first: single
images over 32 kept connections. Then twice as many images are requested each second in an open
loop, half of them as single images and half in grids of 64. The queue of images is then always
full: the grids fill it, and thousands of connections wait for a single image each. (The few
connections of `wrk` would hold at most one image each.) At most `--connections` are open; a request
that finds all of them in use is not sent, but counted as held back. The soak ends by itself; the
exit status is 1 if a verdict is missed.
"""

import argparse
import resource
import statistics
import sys
import threading
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from queue import SimpleQueue

from app.domain.images.checkpoint import GeneratorCheckpoint
from benchmarks.harness import machine
from benchmarks.harness.api import register_models, run_api, temporary_settings
from benchmarks.harness.figures import TITLE, Figure
from benchmarks.harness.load import load
from benchmarks.harness.pacing import Outcome, pace
from benchmarks.harness.processes import Server, exit_on_sigterm, resident_bytes
from benchmarks.harness.request import GRID_IMAGES, Request, grid_of_images, single_image

CAPACITY_CONNECTIONS, CAPACITY_SECONDS = 32, 5
SINGLES = GRID_IMAGES  # single images per grid, so that both bring as many images
IMAGES_PER_REQUEST = (SINGLES + GRID_IMAGES) / (SINGLES + 1)
LONE_REQUESTS = 100  # before the load; the slowest is the usual latency
FAST_IN_A_ROW = 5  # lone requests within the usual latency, after the load
PROBE_SECONDS = 0.02  # between lone requests after the load
RECOVERY_SECONDS = 60  # the longest wait for a recovery
SECONDS_PER_LINE = 20
SPARE_FILES = 500  # open files other than connections
MINUTE_SECONDS = 60
WANTED_DRIFT, WANTED_RECOVERY_SECONDS = 5, 2


@dataclass
class Second:
    """The answers of one second: counts by status, and the latencies of the 200s."""

    answers: Counter[int] = field(default_factory=Counter)
    latencies: "array[float]" = field(default_factory=lambda: array("d"))


class Record:
    """The course of a soak, second by second, and the verdicts on it."""

    def __init__(self) -> None:
        self.seconds: defaultdict[int, Second] = defaultdict(Second)
        self.resident: list[int] = []  # bytes, once a second
        # (sent, latency) of each request for /healthz, in seconds.
        self.health_checks: list[tuple[float, float]] = []
        self.without_retry_after = 0  # of the 503 answers

    def add(self, outcome: Outcome) -> None:
        second = self.seconds[int(outcome.due + outcome.latency)]
        second.answers[outcome.status] += 1
        if outcome.status == 200:
            second.latencies.append(outcome.latency)
        elif outcome.status == 503 and b"\r\nretry-after:" not in outcome.head:
            self.without_retry_after += 1

    def line(self, end: int, count: int) -> str:
        """A line about the `count` seconds before `end`."""
        part = [self.seconds[number] for number in range(end - count, end)]
        answers = _sum(part)
        latencies = sorted(latency for second in part for latency in second.latencies)
        others = sum(answers.values()) - answers[200] - answers[503]
        p99 = latencies[int(0.99 * len(latencies))] if latencies else 0
        health_checks = [took for at, took in self.health_checks if end - count <= at + took < end]
        return (
            f"{end:4} s  {answers[200] / count:7,.0f} answered/s {answers[503] / count:7,.0f} "
            f"refused/s  {others} others  p99 {p99 * 1e3:6,.0f} ms  /healthz at most "
            f"{max(health_checks, default=0) * 1e3:5,.0f} ms  {self.resident[-1] / 2**20:5,.0f} MiB"
        )

    def full_since(self) -> int:
        """The second of the first refusal. Before it the queue grows, and with it the memory."""
        refused = (number for number, second in self.seconds.items() if second.answers[503])
        return min(min(refused, default=0), len(self.resident) - 1)

    def verdicts(self, recovery: float) -> list[Figure]:
        """`recovery`: seconds from the last request until a lone one takes as long as usual."""
        answers = _sum(self.seconds.values())
        others = {status: count for status, count in answers.items() if status not in (200, 503)}
        first, last = first_and_last(self.resident[self.full_since() :])
        drift = abs(100 * (last / first - 1))
        minutes = (
            f"{first / 2**20:,.0f} MiB in the first full minute, {last / 2**20:,.0f} in the last"
        )
        return [
            Figure("refused with 503", answers[503], "", 1, note=f"{answers[200]:,} answered"),
            Figure(
                "neither 200 nor 503",
                sum(others.values()),
                "",
                0,
                True,
                note=_status_counts(others),
            ),
            Figure("503 without Retry-After", self.without_retry_after, "", 0, True),
            Figure("memory's drift", drift, "%", WANTED_DRIFT, True, minutes),
            Figure("recovery", recovery, "s", WANTED_RECOVERY_SECONDS, True),
        ]


def _sum(seconds: Iterable[Second]) -> Counter[int]:
    return sum((second.answers for second in seconds), Counter())


def first_and_last(resident: list[int]) -> tuple[float, float]:
    """The means of the first and last minute, or of the outer thirds of a run under 3 minutes."""
    count = max(1, min(MINUTE_SECONDS, len(resident) // 3))
    return statistics.mean(resident[:count]), statistics.mean(resident[-count:])


def _status_counts(others: dict[int, int]) -> str:
    return ", ".join(f"{status or 'no answer'}: {count}" for status, count in others.items())


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    exit_on_sigterm()
    allow_open_files(options.connections)
    print(f"machine   {machine.describe()}")
    with temporary_settings() as settings:
        (checkpoint,) = register_models(settings)
        with run_api(settings) as server:
            return soak(server, checkpoint, options)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--times", type=float, default=2, help="the capacity")
    parser.add_argument("--connections", type=int, default=4096, help="at most")
    return parser.parse_args(arguments)


def allow_open_files(count: int) -> None:
    """Raise the limit of open files for `count` connections; the API inherits it."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(allowed, count + SPARE_FILES)
    if most != resource.RLIM_INFINITY and wanted > most:
        raise SystemExit(
            f"--connections {count} needs {wanted} open files, but this system allows {most}: "
            "give fewer connections"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def soak(server: Server, checkpoint: GeneratorCheckpoint, options: argparse.Namespace) -> int:
    """Print the progress, then the verdicts; return 1 if one is missed, else 0."""
    single, seconds = single_image(checkpoint), round(60 * options.minutes)
    seconds_alone(server.port, single, 0)  # loads the generator
    capacity = load(
        server.port, single, connections=CAPACITY_CONNECTIONS, seconds=CAPACITY_SECONDS
    ).rate
    usual = max(seconds_alone(server.port, single, number) for number in range(LONE_REQUESTS))
    rate = options.times * capacity / IMAGES_PER_REQUEST
    print(f"capacity  {capacity:,.0f} single images/s by {CAPACITY_CONNECTIONS} connections")
    print(f"alone     one image within {usual * 1e3:.0f} ms, {LONE_REQUESTS} times")
    print(f"load      {rate:,.0f} requests/s for {seconds} s: {options.times} × the capacity")
    record, ended = Record(), threading.Event()
    recovered: SimpleQueue[float] = SimpleQueue()
    run_in_background(lambda: watch_memory(record, server.pid, seconds))
    run_in_background(lambda: watch_health_endpoint(record, server.port, ended))
    run_in_background(lambda: recovered.put(recovery(server.port, single, usual, ended)))
    paced = pace(
        server.port,
        grids_and_singles(single, grid_of_images(checkpoint)),
        record.add,
        rate=rate,
        seconds=seconds,
        connections=options.connections,
        sent=ended.set,
    )
    print(
        f"client    {paced.sent:,} requests sent, {paced.held_back:,} held back, at most "
        f"{paced.connections:,} connections, late by {paced.late_p99 * 1e3:.0f} ms at p99, "
        f"{paced.cores:.0%} of a core"
    )
    figures = record.verdicts(recovered.get())
    print(f"\n{TITLE}")
    for figure in figures:
        print(figure.row())
    return int(not all(figure.met for figure in figures))


def run_in_background(work: Callable[[], object]) -> None:
    """Run in a daemon thread, which does not keep the process alive."""
    threading.Thread(target=work, daemon=True).start()


def grids_and_singles(single: Request, grid: Request) -> Callable[[int], bytes]:
    """A function from a request's number to its bytes: one grid, then SINGLES single images."""
    return lambda number: (single if number % (SINGLES + 1) else grid).render(number)


def watch_memory(record: Record, pid: int, seconds: int) -> None:
    """Record the resident memory of the API each second; print a line every SECONDS_PER_LINE."""
    started = time.monotonic()
    for second in range(1, seconds + 1):
        time.sleep(max(0.0, started + second - time.monotonic()))
        try:
            record.resident.append(resident_bytes(pid))
        except FileNotFoundError:  # the API has exited; the clients notice too
            return
        if second % SECONDS_PER_LINE == 0:
            print(record.line(second, SECONDS_PER_LINE), flush=True)


def watch_health_endpoint(record: Record, port: int, ended: threading.Event) -> None:
    """Record the latency of /healthz: how long the event loop is busy with other requests."""
    started = time.monotonic()
    while not ended.wait(1):
        at = time.monotonic() - started
        record.health_checks.append((at, seconds_alone(port, Request("/healthz"), 0)))


def recovery(port: int, single: Request, usual: float, ended: threading.Event) -> float:
    """Seconds from the end of the load until FAST_IN_A_ROW lone requests in a row are within the
    usual latency; RECOVERY_SECONDS if that does not happen."""
    ended.wait()
    end, fast_in_a_row, recovered, number = time.monotonic(), 0, 0.0, 10**9
    while fast_in_a_row < FAST_IN_A_ROW and time.monotonic() - end < RECOVERY_SECONDS:
        number += 1
        time.sleep(PROBE_SECONDS)
        fast = seconds_alone(port, single, number) <= usual
        if fast and not fast_in_a_row:
            recovered = time.monotonic() - end
        fast_in_a_row = fast_in_a_row + 1 if fast else 0
    return recovered if fast_in_a_row == FAST_IN_A_ROW else RECOVERY_SECONDS


def seconds_alone(port: int, request: Request, number: int) -> float:
    """Seconds of one request over a new connection; infinite if it is refused."""
    started = time.perf_counter()
    try:
        status = request.send(port, number).status
    except OSError:
        return float("inf")
    return time.perf_counter() - started if status == 200 else float("inf")


if __name__ == "__main__":
    sys.exit(main())
