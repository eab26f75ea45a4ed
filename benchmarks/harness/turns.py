"""Comparisons in which several sides run alternately, each in a process of its own.

Neither side profits from what the other sets up, and a slower machine slows down both. Standard
library only: a side sets its environment variables before it imports torch.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TextIO

WARM_UP_STEPS = 10  # a step may be captured or compiled during the first ones


@dataclass(frozen=True)
class Rates:
    """The description of one side, and its images per second in each turn."""

    about: str
    each: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.each)

    def row(self, name: str) -> str:
        spread = f"{min(self.each):.0f} to {max(self.each):.0f}"
        return f"{name:10} {self.median:9,.0f} images/s  ({spread})  {self.about}"


class Side:
    """A child process that prints its description, then answers each input line with a number."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read_line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("one side of the benchmark ended: see its error above")
        return line.strip()

    def request(self, word: str) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return float(self.read_line())

    def __enter__(self) -> "Side":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()  # closes its standard input, so that it exits


def compare(sides: Mapping[str, Side], turns: int) -> dict[str, Rates]:
    """Measure each side alternately, `turns` times."""
    rates = {name: Rates(side.read_line(), []) for name, side in sides.items()}
    for _ in range(turns):
        for name, side in sides.items():
            rates[name].each.append(side.request("go"))
    return rates


def answer_turns(
    about: str,
    step: Callable[[], Any],
    images: int,
    seconds: float,
    answers: Mapping[str, Callable[[], float]],
    settle: Callable[[], None] = lambda: None,
    lines: Iterable[str] = sys.stdin,
    out: TextIO = sys.stdout,
) -> None:
    """Run a side: answer "go" with the rate of `step`, and other lines by `answers`."""
    for _ in range(WARM_UP_STEPS):
        step()
    settle()
    print(about, file=out, flush=True)
    for line in lines:
        word = line.strip()
        answer = rate(step, images, seconds, settle) if word == "go" else answers[word]()
        print(answer, file=out, flush=True)


def rate(
    step: Callable[[], Any],
    images: int,
    seconds: float,
    settle: Callable[[], None] = lambda: None,
) -> float:
    """Images per second of `step`; `settle` waits for work that a step has left in flight."""
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        step()
        steps += 1
    settle()
    return steps * images / (time.perf_counter() - began)


def alternate(steps: Sequence[Callable[[], float]], turns: int) -> list[float]:
    """The median of each of several measurements that alternate in one process."""
    measured = [[step() for step in steps] for _ in range(turns)]
    return [statistics.median(column) for column in zip(*measured, strict=True)]
