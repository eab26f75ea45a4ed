"""How much a detour raises the lowest quality of a morph, and what it costs.

`python -m benchmarks.detours [--model cats] [--pairs 30] [--below 30]`, with a service at
MOGGY_URL. Pair k is the seeds 2k and 2k + 1. Each morph is requested as JSON with 17 frames, once
with and once without the detour, so that the difference of the times is what the detour takes.
"""

import argparse
import time
from collections.abc import Callable
from statistics import mean, median
from typing import Any, NamedTuple

import numpy as np

from app.cli.client import ServiceClient, segment
from app.cli.job_results import once_indexed
from benchmarks.harness import machine

HELPED = 5.0  # by which the lowest quality must rise to count


Morph = Callable[[int, float], dict[str, Any]]  # the pair and the detour -> the answer as JSON


class Comparison(NamedTuple):
    """A pair's lowest quality without and with the detour, the length of the path with it in
    lengths of the direct one, and the seconds that the detour takes."""

    direct: float
    bent: float
    length: float
    seconds: float


def main(words: list[str] | None = None) -> None:
    arguments = parse_arguments(words)
    path = f"models/{segment(arguments.model)}/interpolations"
    with ServiceClient.from_environment() as client:

        def morph(pair: int, detour: float) -> dict[str, Any]:
            keyframes = [{"seed": 2 * pair}, {"seed": 2 * pair + 1}]
            body = {"keyframes": keyframes, "frames": 17, "format": "json", "detour": detour}
            answer: dict[str, Any] = client.post(path, body)
            return answer

        once_indexed(client, lambda: morph(0, arguments.below))
        pairs = [compare(morph, pair, arguments.below) for pair in range(arguments.pairs)]
    print(f"machine   {machine.describe()}")
    print(describe(pairs, arguments.below))


def compare(morph: Morph, pair: int, below: float) -> Comparison:
    started = time.perf_counter()
    direct = morph(pair, 0)
    between = time.perf_counter()
    bent = morph(pair, below)
    ended = time.perf_counter()
    lowest = bent["lowest_quality"]
    return Comparison(
        lowest["direct"],
        lowest["bent"],
        path_length(bent) / path_length(direct),
        (ended - between) - (between - started),
    )


def describe(pairs: list[Comparison], below: float) -> str:
    poor = [pair for pair in pairs if pair.direct < below]
    others = [pair for pair in pairs if pair.direct >= below]
    still = sum(pair.bent < below for pair in pairs)
    lines = [
        f"poor      {len(poor)} of {len(pairs)} paths have an image below {below:g}",
        f"          {still} with the detour",
    ]
    if poor:
        helped = sum(pair.bent > pair.direct + HELPED for pair in poor)
        lines += [
            f"lowest    {median(pair.direct for pair in poor):.0f}, median of the poor paths",
            f"          {median(pair.bent for pair in poor):.0f} with the detour",
            f"helped    {helped} of the {len(poor)} by more than {HELPED:g}",
            f"length    {mean(pair.length for pair in poor):.2f} of the direct path's",
            f"seconds   {median(pair.seconds for pair in poor):.2f} for a poor path",
        ]
    if others:
        lines.append(f"          {median(pair.seconds for pair in others):.2f} for another")
    return "\n".join(lines)


def path_length(answer: dict[str, Any]) -> float:
    return float(np.linalg.norm(np.diff(np.array(answer["latents"]), axis=0), axis=1).sum())


def parse_arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="cats")
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--below", type=float, default=30.0)
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
