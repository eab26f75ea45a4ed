"""The search for the best default preset: candidates train for equal time and are scored.

`python -m benchmarks.search --folder DIR` trains every candidate on every dataset with every seed
for the same number of minutes, and scores it against images that no candidate learns from. It
appends the scores, and the health signals that rose, to DIR/results.jsonl; runs that are already
there are skipped. `--report` only prints the table.

The minutes are converted to a number of images once, by real steps (DIR/rates.jsonl). The machine
must be idle while these are measured. After that, other work on the machine does not change the
result, so several processes may share it: start one with `OMP_NUM_THREADS=1 taskset -c N` for each
core N, each with its own seeds.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import machine
from benchmarks.harness.machine import SHARED_DATA
from benchmarks.harness.trainer_process import Trainer
from benchmarks.search.candidates import CANDIDATES, Candidate
from benchmarks.search.datasets import DATASETS, prepare
from models.checkpoint import load_generator
from models.config import TrainingConfig
from models.data import PackedDataset
from models.durable_files import write_durably
from models.precision import choose_machine
from models.presets import resolve
from models.samples import png, tile
from models.scoring.embedding import Embedder
from models.scoring.scorer import generate_scored
from models.scoring.scores import Reference, score
from models.training.estimation import measure, random_dataset

BASELINE = "dcgan"
RATE_SECONDS = 10.0  # of real steps, to convert minutes to images
GRID_SIDE = 8
COLUMNS = (
    "seeds", "images", "Fréchet", f"to {BASELINE}", "KID", "recall", "of the real", "copies",
    "signals",
)  # fmt: skip


def main() -> None:
    arguments = parse_arguments()
    results = arguments.folder / "results.jsonl"
    if not arguments.report:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        print(f"machine     {machine.describe()}")
        for seed in arguments.seeds:
            for dataset in arguments.datasets:
                for name in arguments.candidates:
                    run(name, dataset, seed, arguments, results)
    report(read(results), arguments.minutes)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="packed data, runs, results")
    parser.add_argument("--minutes", type=float, default=20.0, help="of each training")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--datasets", nargs="+", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--candidates", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    parser.add_argument(
        "--report", action="store_true", help="only print the table of the results so far"
    )
    parser.add_argument("--archives", type=Path, default=SHARED_DATA)
    return parser.parse_args()


def run(name: str, dataset: str, seed: int, arguments: argparse.Namespace, results: Path) -> None:
    """Train and score one candidate, unless its result is already there."""
    key = {"candidate": name, "dataset": dataset, "seed": seed, "minutes": arguments.minutes}
    if any(key.items() <= result.items() for result in read(results)):
        return
    learnt, held_out = prepare(arguments.folder / "data", arguments.archives, dataset)
    seconds = seconds_per_image(name, learnt, arguments.folder / "rates.jsonl")
    images = max(1, int(60 * arguments.minutes / seconds))
    config = configuration(CANDIDATES[name], learnt, seed, images)
    folder = arguments.folder / "runs" / f"{dataset}-{name}-{seed}-{arguments.minutes:g}"
    print(f"{name} on {dataset}, seed {seed}: {config.images:,} images", flush=True)
    began = time.monotonic()
    trainer = Trainer(folder, config, learnt)
    checkpoint = trainer.run()
    minutes = (time.monotonic() - began) / 60
    scores = judge(checkpoint, learnt, held_out, folder / "grid.png")
    line = key | {"images": config.images, "took_minutes": minutes, "scores": scores}
    line["rose"] = trainer.rose
    with results.open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(f"  Fréchet {scores['frechet']:.4f} after {minutes:.1f} minutes", flush=True)


def configuration(candidate: Candidate, dataset: Path, seed: int, images: int) -> TrainingConfig:
    """The candidate's configuration for `images`; its schedules end with the run."""
    overrides = dict(candidate.overrides)
    if any(field.endswith("_final") for field in overrides):
        overrides["schedule_images"] = images
    shape = PackedDataset(dataset).shape
    return resolve(candidate.preset, shape=shape, images=images, seed=seed, overrides=overrides)


def seconds_per_image(name: str, dataset: Path, rates: Path) -> float:
    """Read the rate of this candidate and image shape from `rates`, or measure and append it.

    All seeds use the same rate, so that other work on the machine does not count against one.
    """
    config = configuration(CANDIDATES[name], dataset, seed=0, images=1)
    key = {"candidate": name, "shape": list(config.shape)}
    for known in read(rates):
        if key.items() <= known.items():
            return float(known["seconds_per_image"])
    with tempfile.TemporaryDirectory(prefix="moggy-search-") as temporary:
        here = choose_machine(config.precision)
        here.prepare()
        noise = random_dataset(Path(temporary), config)
        step = measure(config, noise, here, RATE_SECONDS).step_seconds
    seconds = step / (config.batch_size * config.discriminator_steps)
    with rates.open("a") as file:
        file.write(json.dumps(key | {"seconds_per_image": seconds}) + "\n")
    return seconds


def judge(checkpoint: Path, learnt: Path, held_out: Path, grid: Path) -> dict[str, Any]:
    """The scores of as many generated images as are held out, and the rate of copies."""
    embedder = Embedder()
    generator = load_generator(checkpoint).generator
    unseen = PackedDataset(held_out)
    images = generate_scored(generator, unseen, len(unseen))
    write_durably(grid, png(tile(images[: GRID_SIDE**2], GRID_SIDE)))
    scores = score(Reference.of(held_out, embedder, len(unseen)), images, embedder)
    against_learnt = score(Reference.of(learnt, embedder, len(unseen)), images, embedder)
    return scores | {"copy_rate": against_learnt["copy_rate"]}


def read(results: Path) -> list[dict[str, Any]]:
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text().splitlines()]


def report(lines: list[dict[str, Any]], minutes: float) -> None:
    """Print a table per dataset, best Fréchet distance first, of means over the seeds."""
    chosen = [line for line in lines if line["minutes"] == minutes]
    for dataset in dict.fromkeys(line["dataset"] for line in chosen):
        groups: dict[str, list[Mapping[str, Any]]] = {}
        for line in chosen:
            if line["dataset"] == dataset:
                groups.setdefault(line["candidate"], []).append(line)
        baseline = mean(groups.get(BASELINE, []), "frechet")
        print(f"\n| {' | '.join((f'{dataset}, {minutes:g} minutes', *COLUMNS))} |")
        print("|" + "---|" * (1 + len(COLUMNS)))
        for name in sorted(groups, key=lambda candidate: mean(groups[candidate], "frechet")):
            print(row(name, groups[name], baseline))


def row(name: str, lines: list[Mapping[str, Any]], baseline: float) -> str:
    frechet, recall = mean(lines, "frechet"), mean(lines, "recall")
    values = [line["scores"]["frechet"] for line in lines]
    spread = (max(values) - min(values)) / 2
    real = float(np.mean([line["scores"]["real"]["recall"] for line in lines]))
    images = float(np.mean([line["images"] for line in lines]))
    cells = (
        name, str(len(lines)), f"{images:,.0f}", f"{frechet:.4f} ± {spread:.4f}",
        f"{frechet / baseline:.2f}", f"{mean(lines, 'kid'):.4f}", f"{recall:.3f}",
        f"{recall / real:.2f}", f"{mean(lines, 'copy_rate'):.3f}",
        ", ".join(sorted({signal for line in lines for signal in line.get("rose", {})})),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def mean(lines: list[Mapping[str, Any]], field: str) -> float:
    """The mean of a score over the lines; NaN if there are none."""
    return float(np.mean([line["scores"][field] for line in lines])) if lines else float("nan")


if __name__ == "__main__":
    main()
