"""The service under twice what it can do, for minutes: `make soak`, or `python -m benchmarks.soak`.

The real API on loopback, one generator of width 32. Its capacity is measured first: single images
by 32 kept connections. Then twice as many images come each second, in an open loop: half of them
as single images and half as grids of 64. The queue of images that wait is then full all the time:
grids fill it, and thousands of connections wait for a single image each, where those few that
`wrk` keeps could never hold more than one image each. At most `--connections` are open; a request
that finds them all in use is not made, and is told of. It ends by itself; the exit status is 1
where a verdict is missed.
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

from app.domain.images.checkpoint import ServedCheckpoint
from benchmarks.harness import machine
from benchmarks.harness.api import api, home, prepare
from benchmarks.harness.figures import TITLE, Figure
from benchmarks.harness.load import load
from benchmarks.harness.pacing import Outcome, pace
from benchmarks.harness.processes import Server, end_when_told, resident
from benchmarks.harness.request import GRID_IMAGES, Request, grid_of_images, single_image

CAPACITY_CONNECTIONS, CAPACITY_SECONDS = 32, 5
SINGLES = GRID_IMAGES  # to each grid: as many images
IMAGES_PER_REQUEST = (SINGLES + GRID_IMAGES) / (SINGLES + 1)
LONE_REQUESTS = 100  # before the load; the slowest of them is what is usual
IN_A_ROW = 5  # lone requests as fast as that, after it
PROBE_SECONDS = 0.02  # between them
RECOVERY_SECONDS = 60  # after which it has not recovered
SECONDS_PER_LINE = 20
SPARE_FILES = 500  # open ones that are no connection
MINUTE = 60
WANTED_DRIFT, WANTED_RECOVERY_SECONDS = 5, 2


@dataclass
class Second:
    """What was answered in it, by status, and how long the 200s had taken."""

    answers: Counter[int] = field(default_factory=Counter)
    latencies: "array[float]" = field(default_factory=lambda: array("d"))


class Record:
    """Filled while the load lasts: answers by the client, samples of the process beside it."""

    def __init__(self) -> None:
        self.seconds: defaultdict[int, Second] = defaultdict(Second)
        self.resident: list[int] = []  # bytes, at each second
        self.beats: list[tuple[float, float]] = []  # when /healthz was asked for, how long it took
        self.unheralded = 0  # refusals that did not say when to come again

    def note(self, outcome: Outcome) -> None:
        second = self.seconds[int(outcome.due + outcome.latency)]
        second.answers[outcome.status] += 1
        if outcome.status == 200:
            second.latencies.append(outcome.latency)
        elif outcome.status == 503 and b"\r\nretry-after:" not in outcome.head:
            self.unheralded += 1

    def line(self, end: int, count: int) -> str:
        """The `count` seconds before `end`, in a row."""
        part = [self.seconds[number] for number in range(end - count, end)]
        answers = _sum(part)
        latencies = sorted(one for second in part for one in second.latencies)
        others = sum(answers.values()) - answers[200] - answers[503]
        p99 = latencies[int(0.99 * len(latencies))] if latencies else 0
        beats = [took for at, took in self.beats if end - count <= at + took < end]
        return (
            f"{end:4} s  {answers[200] / count:7,.0f} answered/s {answers[503] / count:7,.0f} "
            f"refused/s  {others} others  p99 {p99 * 1e3:6,.0f} ms  /healthz at most "
            f"{max(beats, default=0) * 1e3:5,.0f} ms  {self.resident[-1] / 2**20:5,.0f} MiB"
        )

    def full_since(self) -> int:
        """The second of the first refusal: until then what waits takes more and more memory."""
        refused = (number for number, one in self.seconds.items() if one.answers[503])
        return min(min(refused, default=0), len(self.resident) - 1)

    def verdicts(self, recovery: float) -> list[Figure]:
        """`recovery`: seconds from the last request until a lone one is answered as usual."""
        answers = _sum(self.seconds.values())
        others = {status: count for status, count in answers.items() if status not in (200, 503)}
        first, last = first_and_last(self.resident[self.full_since() :])
        drift = abs(100 * (last / first - 1))
        minutes = (
            f"{first / 2**20:,.0f} MiB in the first full minute, {last / 2**20:,.0f} in the last"
        )
        return [
            Figure("refused with 503", answers[503], "", 1, note=f"{answers[200]:,} answered"),
            Figure("neither 200 nor 503", sum(others.values()), "", 0, True, note=_told(others)),
            Figure("503 without Retry-After", self.unheralded, "", 0, True),
            Figure("memory's drift", drift, "%", WANTED_DRIFT, True, minutes),
            Figure("recovery", recovery, "s", WANTED_RECOVERY_SECONDS, True),
        ]


def _sum(seconds: Iterable[Second]) -> Counter[int]:
    return sum((second.answers for second in seconds), Counter())


def first_and_last(resident: list[int]) -> tuple[float, float]:
    """The means of the first and the last minute; of a third each where all is less than three."""
    count = max(1, min(MINUTE, len(resident) // 3))
    return statistics.mean(resident[:count]), statistics.mean(resident[-count:])


def _told(others: dict[int, int]) -> str:
    return ", ".join(f"{status or 'no answer'}: {count}" for status, count in others.items())


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    end_when_told()
    allow_connections(options.connections)
    print(f"machine   {machine.describe()}")
    with home() as settings:
        (checkpoint,) = prepare(settings)
        with api(settings) as server:
            return soak(server, checkpoint, options)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--times", type=float, default=2, help="the capacity")
    parser.add_argument("--connections", type=int, default=4096, help="at most")
    return parser.parse_args(arguments)


def allow_connections(count: int) -> None:
    """Let this process and the API, which inherits it, open as many as the system lets them."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(allowed, count + SPARE_FILES)
    if most != resource.RLIM_INFINITY and wanted > most:
        raise SystemExit(f"--connections {count}: this system allows {most} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def soak(server: Server, checkpoint: ServedCheckpoint, options: argparse.Namespace) -> int:
    """Print what happens while it happens, then the verdicts; 1 where one is missed."""
    single, seconds = single_image(checkpoint), round(60 * options.minutes)
    lone(server.port, single, 0)  # loads the generator
    capacity = load(
        server.port, single, connections=CAPACITY_CONNECTIONS, seconds=CAPACITY_SECONDS
    ).rate
    usual = max(lone(server.port, single, number) for number in range(LONE_REQUESTS))
    rate = options.times * capacity / IMAGES_PER_REQUEST
    print(f"capacity  {capacity:,.0f} single images/s by {CAPACITY_CONNECTIONS} connections")
    print(f"alone     one within {usual * 1e3:.0f} ms, {LONE_REQUESTS} times")
    print(f"load      {rate:,.0f} requests/s for {seconds} s: {options.times} × the capacity")
    record, ended = Record(), threading.Event()
    recovered: SimpleQueue[float] = SimpleQueue()
    beside(lambda: watch_memory(record, server.pid, seconds))
    beside(lambda: watch_heart(record, server.port, ended))
    beside(lambda: recovered.put(recovery(server.port, single, usual, ended)))
    paced = pace(
        server.port,
        mixed(single, grid_of_images(checkpoint)),
        record.note,
        rate=rate,
        seconds=seconds,
        connections=options.connections,
        sent=ended.set,
    )
    print(
        f"client    {paced.sent:,} requests sent, {paced.held_back:,} held back, at most "
        f"{paced.connections:,} connections, late by {paced.late_p99 * 1e3:.0f} ms at its p99, "
        f"{paced.cores:.0%} of a core"
    )
    figures = record.verdicts(recovered.get())
    print(f"\n{TITLE}")
    for figure in figures:
        print(figure.row())
    return int(not all(figure.met for figure in figures))


def beside(work: Callable[[], object]) -> None:
    """In a thread that ends with the process, however that ends."""
    threading.Thread(target=work, daemon=True).start()


def mixed(single: Request, grid: Request) -> Callable[[int], bytes]:
    """A grid, then singles of as many images, and again."""
    return lambda number: (single if number % (SINGLES + 1) else grid).render(number)


def watch_memory(record: Record, pid: int, seconds: int) -> None:
    """Note what the API's processes have in memory at each second, and tell of the last ones."""
    started = time.monotonic()
    for second in range(1, seconds + 1):
        time.sleep(max(0.0, started + second - time.monotonic()))
        try:
            record.resident.append(resident(pid))
        except FileNotFoundError:  # it has ended, which the clients notice too
            return
        if second % SECONDS_PER_LINE == 0:
            print(record.line(second, SECONDS_PER_LINE), flush=True)


def watch_heart(record: Record, port: int, ended: threading.Event) -> None:
    """How long what costs nothing takes: as long as the event loop is busy with others."""
    started = time.monotonic()
    while not ended.wait(1):
        at = time.monotonic() - started
        record.beats.append((at, lone(port, Request("/healthz"), 0)))


def recovery(port: int, single: Request, usual: float, ended: threading.Event) -> float:
    """Seconds from the end of the load until a lone request is answered as fast as before it, and
    the next ones too."""
    ended.wait()
    end, in_a_row, recovered, number = time.monotonic(), 0, 0.0, 10**9
    while in_a_row < IN_A_ROW and time.monotonic() - end < RECOVERY_SECONDS:
        number += 1
        time.sleep(PROBE_SECONDS)
        fast = lone(port, single, number) <= usual
        if fast and not in_a_row:
            recovered = time.monotonic() - end
        in_a_row = in_a_row + 1 if fast else 0
    return recovered if in_a_row == IN_A_ROW else RECOVERY_SECONDS


def lone(port: int, request: Request, number: int) -> float:
    """Seconds that one request takes over a connection of its own; for ever, if it is refused."""
    started = time.perf_counter()
    try:
        status = request.ask(port, number).status
    except OSError:
        return float("inf")
    return time.perf_counter() - started if status == 200 else float("inf")


if __name__ == "__main__":
    sys.exit(main())
