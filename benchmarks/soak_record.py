"""What became of a soak, second by second, and the verdicts on it."""

import statistics
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.figures import Figure
from benchmarks.pacing import Outcome

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
