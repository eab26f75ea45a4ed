"""Failures of training, provoked on purpose, beside healthy runs: which signals rise?

`python -m benchmarks.health --dataset FOLDER` trains on a packed dataset. Four runs of 50,000
images have one fault each, whose signal must rise. `dcgan` and `small-data`, at their own length or
at `--images`, must raise none. Prints a table of the worst value of each signal, and the share of
the time that the monitoring took.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.harness import machine
from models.child_process import SPIN_COUNT

if TYPE_CHECKING:
    from models.training.run import TrainingRun

FAULT_IMAGES = 50_000


@dataclass(frozen=True)
class Case:
    """A run, and the signal that must rise in it; None if none may."""

    name: str
    preset: str
    signal: str | None = None
    pictures: int | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)


CASES = (
    Case(
        "discriminator rate × 20",
        "dcgan",
        "oscillation",
        overrides={"discriminator_learning_rate": 20 * 2e-4},
    ),
    Case(
        "no BatchNorm, latent of 2",
        "dcgan",
        "mode_collapse",
        overrides={
            "generator_normalisation": "none",
            "discriminator_normalisation": "none",
            "latent_dim": 2,
        },
    ),
    Case(
        "minimax, 5 discriminator steps",
        "dcgan",
        "vanishing_gradient",
        overrides={"loss": "minimax", "discriminator_steps": 5, "updates": "alternating"},
    ),
    Case("200 pictures", "dcgan", "overfitting", pictures=200),
    Case("healthy dcgan", "dcgan"),
    Case("healthy small-data", "small-data"),
)


@dataclass
class Result:
    """The outcome of a case: each signal's worst value, and the images seen when it rose."""

    images: int
    worst: dict[str, float] = field(default_factory=dict)
    rose: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    watching: float = 0.0
    failed: str = ""  # the error that ended the run early

    def passed(self, case: Case) -> bool:
        return case.signal in self.rose if case.signal else not (self.rose or self.failed)


def main(words: list[str] | None = None) -> None:
    arguments = parse_arguments(words)
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)  # as the trainer process does
    cases = [case for case in CASES if any(word in case.name for word in arguments.only or [""])]
    results = []
    for case in cases:
        result = run_case(case, arguments)
        results.append((case, result))
        print(f"{case.name}: {describe(case, result)}", flush=True)
    report(results)
    if not all(result.passed(case) for case, result in results):
        raise SystemExit("at least one case had the wrong signals: see the table")


def parse_arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, required=True, help="folder of a packed dataset")
    parser.add_argument(
        "--pictures",
        type=int,
        help="the first images of the dataset to use; dcgan was made for 3,000",
    )
    parser.add_argument("--images", type=int, help="of each healthy run; its preset's own")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--only", nargs="+", metavar="WORD", help="cases whose name has a word")
    parser.add_argument("--mirrorable", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--verbose", action="store_true", help="print every reading")
    return parser.parse_args(words)


def run_case(case: Case, arguments: argparse.Namespace) -> Result:
    from models.data import PackedDataset
    from models.precision import choose_machine
    from models.presets import resolve
    from models.training.run import TrainingRun

    count = min(case.pictures or 10**9, arguments.pictures or 10**9)
    with tempfile.TemporaryDirectory(prefix="moggy-health-") as temporary:
        dataset = PackedDataset(first_pictures(arguments.dataset, count, Path(temporary)))
        config = resolve(
            case.preset,
            shape=dataset.shape,
            mirrorable=arguments.mirrorable,
            images=FAULT_IMAGES if case.signal else arguments.images,
            overrides={"width": arguments.width, **case.overrides},
        )
        computer = choose_machine(config.precision)
        computer.prepare()
        return watch(TrainingRun(config, dataset, computer), arguments.verbose)


def watch(run: "TrainingRun", verbose: bool) -> Result:
    """Train to the end, or until the training fails."""
    from models.checkpoint import NotFiniteError

    result, began = Result(run.config.images), time.monotonic()
    try:
        train_and_watch(run, result, verbose)
    except NotFiniteError as error:
        result.failed = str(error)
    result.seconds = time.monotonic() - began
    return result


def train_and_watch(run: "TrainingRun", result: Result, verbose: bool) -> None:
    """Train, and keep the worst value of each signal. Raises NotFiniteError."""
    from models.training.health.signals import SIGNALS
    from models.training.stability import check_health

    while not run.finished:
        run.step()
        if not run.read_due:
            continue
        run.read_report()
        before, values = time.monotonic(), run.watch.values
        for alert in check_health(run):
            result.rose.setdefault(alert.signal, alert.images_seen)
        result.watching += time.monotonic() - before
        if run.watch.values == values:
            continue
        for signal in SIGNALS:
            if signal.name in run.watch.values:
                value = run.watch.values[signal.name]
                worse = max if signal.clear < signal.threshold else min
                result.worst[signal.name] = worse(result.worst.get(signal.name, value), value)
        if verbose:
            shown = " ".join(f"{name} {value:.3f}" for name, value in run.watch.values.items())
            print(f"  {run.images_seen:,}: {shown}", flush=True)


def first_pictures(dataset: Path, count: int, temporary: Path) -> Path:
    images = np.load(dataset / "images.npy", mmap_mode="r")
    if count >= len(images):
        return dataset
    np.save(temporary / "images.npy", images[:count])
    return temporary


def describe(case: Case, result: Result) -> str:
    rose = ", ".join(f"{name} at {seen:,}" for name, seen in result.rose.items()) or "nothing rose"
    verdict = "as it should" if result.passed(case) else f"wanted: {case.signal or 'silence'}"
    ended = f"; ended early: {result.failed}" if result.failed else ""
    return f"{rose} ({verdict}; watching took {result.watching / result.seconds:.2%}){ended}"


def report(results: list[tuple[Case, Result]]) -> None:
    """The table of docs/health.md."""
    from models.training.health.signals import SIGNALS

    names = [signal.name for signal in SIGNALS]
    print(f"\nmachine: {machine.describe()}\n")
    print("| run | images | " + " | ".join(names) + " |")
    print("|---|---|" + "---|" * len(names))
    thresholds = [
        f"{'>' if signal.clear < signal.threshold else '<'} {signal.threshold:g}"
        for signal in SIGNALS
    ]
    print("| *threshold* | | " + " | ".join(thresholds) + " |")
    for case, result in results:
        cells = []
        for name in names:
            value = f"{result.worst[name]:.3f}" if name in result.worst else "–"
            rose = f" **at {result.rose[name]:,}**" if name in result.rose else ""
            cells.append(value + rose)
        images = f"{result.images:,}" + (f", {result.failed}" if result.failed else "")
        print(f"| {case.name} | {images} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
